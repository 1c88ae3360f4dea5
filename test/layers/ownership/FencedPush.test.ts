import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { fencedGateway } from "../../../layers/ownership/FencedPush.ts"
import type { Role } from "../../../layers/ownership/Ownership.ts"
import type { Gateway } from "../../../layers/push/Gateway.ts"
import * as PushStage from "../../../layers/push/PushStage.ts"
import { type PushKind, type PushNotification, Verdict } from "../../../schemas/Push.ts"
import { makeOwnership } from "../../support/ScriptedOwnership.ts"

const notification = (id: string, kind: PushKind): PushNotification => ({
  id,
  kind,
  priority: "high",
  target: {
    token: id,
    platform: "iOS",
    bundleId: "com.example.mail",
    environment: "production",
    registeredAt: 0
  },
  payload: {},
  expiresAt: Number.MAX_SAFE_INTEGER
})

const bench = () => {
  const sent: Array<string> = []
  const node = makeOwnership("active")
  const gateway: Gateway = {
    name: "cns",
    batchSize: 25,
    slots: 1,
    send: (batch) =>
      Effect.sync(() => {
        sent.push(...batch.map(({ id }) => id))
        return batch.map(({ id }) => Verdict.Rejected({ reason: id }))
      })
  }
  return { node, sent, gateway, fenced: fencedGateway(gateway, node.service) }
}

const BATCH = [
  notification("mail", "newMail"),
  notification("silent", "resubscribe"),
  notification("badge", "badge")
]

describe("a gateway of a node", () => {
  const expected: Readonly<Record<Role, ReadonlyArray<string>>> = {
    active: ["mail", "silent", "badge"],
    "cut off": ["mail", "badge"],
    standby: []
  }
  for (const [role, ids] of Object.entries(expected)) {
    it.effect(`that is ${role} sends ${ids.join(", ") || "nothing"}, each with its own verdict`, () =>
      Effect.gen(function* () {
        const { fenced, node, sent } = bench()
        node.become(role as Role)
        const verdicts = yield* fenced.send(BATCH)
        expect(sent).toEqual(ids)
        expect(verdicts).toEqual(
          BATCH.map(({ id }) =>
            ids.includes(id) ? Verdict.Rejected({ reason: id }) : Verdict.RetryLater({ after: 0 })
          )
        )
      })
    )
  }

  it.scoped("says nothing about the gateway: it is up for the next tenure", () =>
    Effect.gen(function* () {
      const { fenced, node, sent } = bench()
      const push = yield* PushStage.make({ ios: fenced, android: fenced })
      node.become("standby")
      for (let n = 0; n < 20; n++) {
        expect((yield* push.send(notification(`mail ${n}`, "newMail")))._tag).toBe("RetryLater")
      }
      node.become("active")
      expect(push.isUp("iOS")).toBe(true)
      yield* push.send(notification("mail", "newMail"))
      expect(sent).toEqual(["mail"])
    })
  )
})
