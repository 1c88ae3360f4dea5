import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { inWorld, MINUTE, type World } from "../support/ActorFixture.ts"

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

describe("an actor that is about to restart", () => {
  it.scopedLive(
    "keeps what comes until its mailbox is full, refuses the rest, and nothing is lost when that is repeated",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        const poison = yield* world.arrive(ANN, { sender: "Bob", subject: "poison" })
        world.lethal.details.add(poison.item)
        expect((yield* ens.callback(ANN, poison.events)).reply).toMatchObject({ reason: "crashed" })

        const mails = yield* Effect.forEach(Array.from({ length: 100 }), (_, i) =>
          Effect.gen(function* () {
            const arrived = yield* world.arrive(ANN, { sender: "Bob", subject: `mail ${i}` })
            return { arrived, pending: yield* ens.callback(ANN, arrived.events) }
          })
        )
        const refused = mails.filter(({ pending }) => pending.replies > 0)
        expect(refused.length).toBeGreaterThan(0)
        expect(refused.length).toBeLessThan(mails.length)
        for (const { pending } of refused) expect(pending.reply).toMatchObject({ reason: "mailbox full" })
        // Nobody else notices.
        expect((yield* ens.mail(BEN, { sender: "Eve", subject: "hello" })).reply).toBe("Ok")

        yield* world.advance(5_000, 100)
        world.lethal.details.clear()
        // As Exchange does: what was not answered OK is sent again.
        let open = mails.filter(({ pending }) => pending.reply !== "Ok").map(({ arrived }) => arrived)
        expect(open.length).toBeLessThan(mails.length)
        open = [...open, poison]
        for (let round = 0; round < 5 && open.length > 0; round++) {
          const again = yield* Effect.forEach(open, (arrived) =>
            Effect.map(ens.callback(ANN, arrived.events), (pending) => ({ arrived, pending }))
          )
          yield* world.advance(MINUTE)
          open = again.filter(({ pending }) => pending.reply !== "Ok").map(({ arrived }) => arrived)
        }
        expect(open).toEqual([])
        expect(mails.map(({ pending }) => pending.replies)).toEqual(mails.map(() => 1))
        const told = (yield* world.push.received("phone")).map(({ payload }) => mailsOf(payload))
        expect(told.reduce((sum, count) => sum + count, 0)).toBe(mails.length + 1)
      })
    )
  )
})

/** How many mails a notification stands for. */
const mailsOf = (payload: Readonly<Record<string, unknown>>): number => {
  const { action, count = 1 } = (payload["ens"] ?? {}) as {
    readonly action?: string
    readonly count?: number
  }
  return action === "newMail" ? count : 0
}
