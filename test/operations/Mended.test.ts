import { DatabaseSync } from "node:sqlite"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import type { FaultName } from "../../schemas/Fault.ts"
import { within } from "../e2e/Rehearsal.ts"
import type { Installation } from "../support/Installation.ts"
import { startService } from "../support/ServiceFixture.ts"
import { makeStage, type Plan } from "./Stage.ts"
import { inLog, inReadiness } from "./Views.ts"

const running = Effect.fnUntraced(function* (plan: Plan) {
  const stage = yield* makeStage(plan)
  yield* startService(stage.installation)
  return stage
})

/** Waits until readiness has this trouble, or has it no more. */
const shows = (installation: Installation, fault: FaultName, there: boolean) =>
  within(
    inReadiness(installation).pipe(
      Effect.repeat({
        until: (troubles) => troubles.some((one) => one.fault === fault) === there,
        schedule: Schedule.spaced("50 millis")
      })
    ),
    `${fault} is ${there ? "there" : "gone"}`,
    40
  )

const told = (installation: Installation, fault: FaultName) =>
  inLog(installation).filter((line) => line.fault === fault)

describe.concurrent("a trouble that is over is shown no more:", () => {
  it.scopedLive(
    "a gateway that is up again",
    () =>
      Effect.gen(function* () {
        const { cns, installation, mail, phone } = yield* running({})
        yield* (yield* phone()).register()
        yield* cns.down
        yield* mail
        yield* shows(installation, "gateway-down", true)
        yield* cns.up
        yield* shows(installation, "gateway-down", false)
        const down = told(installation, "gateway-down").filter(({ line }) => line.includes(" is down: "))
        expect(down).toHaveLength(1)
      }),
    60_000
  )

  it.scopedLive(
    "storage that can be written to again, with one line at the beginning and one at the end",
    () =>
      Effect.gen(function* () {
        const { installation, phone } = yield* running({})
        const holder = new DatabaseSync(installation.database)
        yield* Effect.addFinalizer(() => Effect.sync(() => holder.close()))
        holder.exec("PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE")
        yield* (yield* phone()).getPublicKey
        yield* shows(installation, "storage-down", true)
        holder.exec("ROLLBACK")
        yield* shows(installation, "storage-down", false)
        const lines = told(installation, "storage-down").map(({ line }) => line)
        // Others tell what failed because of it.
        expect(lines.filter((line) => line.includes("storage is away"))).toEqual([
          expect.stringMatching(/^storage is away at storage: .*\(database is locked\); check the database/),
          expect.stringMatching(/^over after \d+ s: storage is away at storage/)
        ])
      }),
    60_000
  )

  it.scopedLive(
    "an Exchange host that answers again",
    () =>
      Effect.gen(function* () {
        const { exchange, installation, phone } = yield* running({})
        const iphone = yield* phone()
        yield* exchange.down
        expect(yield* iphone.register()).toMatchObject({ responseCode: 14 })
        yield* shows(installation, "exchange-unreachable", true)
        yield* exchange.up
        expect(yield* iphone.register()).toMatchObject({ responseCode: 7 })
        yield* shows(installation, "exchange-unreachable", false)
      }),
    90_000
  )

  it.scopedLive("an EWS URL that is right now", () =>
    Effect.gen(function* () {
      const { exchange, installation, phone } = yield* running({})
      const iphone = yield* phone()
      yield* exchange.addFault({ kind: "page", operation: "Subscribe", times: 1 })
      expect(yield* iphone.register()).toMatchObject({ responseCode: 14 })
      yield* shows(installation, "ews-url-wrong", true)
      expect(yield* iphone.register()).toMatchObject({ responseCode: 7 })
      yield* shows(installation, "ews-url-wrong", false)
    })
  )
})
