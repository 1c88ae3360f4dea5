import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { inWorld, type World } from "../support/ActorFixture.ts"

const ANN = "ann@example.com"
const BEN = "ben@example.com"

const ready = (world: World) =>
  Effect.gen(function* () {
    const ens = yield* world.start
    for (const [address, token] of [
      [ANN, "phone"],
      [BEN, "other phone"]
    ] as const) {
      yield* world.user(address)
      yield* ens.registered(address, { token })
      yield* ens.heartbeat(address)
    }
    return ens
  })

describe("an actor whose work takes long", () => {
  it.scopedLive(
    "answers heartbeats and questions at once, and takes everything that comes meanwhile",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.ews.hold("mails")
        const first = yield* ens.mail(ANN, { sender: "Bob", subject: "first" })
        const others = yield* Effect.forEach(Array.from({ length: 12 }), (_, i) =>
          ens.mail(ANN, { sender: "Bob", subject: `mail ${i}` })
        )
        expect(first.reply).toBeUndefined()
        for (let i = 0; i < 100; i++) expect((yield* ens.heartbeat(ANN)).reply).toBe("Ok")
        expect(yield* ens.status(ANN)).toMatchObject({ state: "Active" })
        expect(yield* ens.updateToken(ANN, "phone", "new phone")).toMatchObject({ code: "UpdateSuccess" })

        yield* world.ews.release("mails")
        yield* world.advance(20_000, 500)
        expect([first, ...others].map(({ reply }) => reply)).toEqual(Array.from({ length: 13 }, () => "Ok"))
        expect([first, ...others].every(({ replies }) => replies === 1)).toBe(true)
        const told = [...(yield* world.push.received("phone")), ...(yield* world.push.received("new phone"))]
        const counts = told.map(({ payload }) => payload["ens"] as { action: string; count?: number })
        const mails = counts.filter(({ action }) => action === "newMail")
        expect(mails.reduce((sum, { count = 1 }) => sum + count, 0)).toBe(13)
      })
    )
  )

  it.scopedLive(
    "keeps no other user waiting",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.ews.hold("mails")
        yield* ens.mail(ANN)
        expect((yield* ens.heartbeat(BEN)).reply).toBe("Ok")
        expect(yield* ens.status(BEN)).toMatchObject({ state: "Active" })
        expect(yield* ens.unregister(BEN, "other phone")).toMatchObject({
          code: "DeviceUnregisteredUserUnsubscribed"
        })
        yield* world.ews.release("mails")
      })
    )
  )
})
