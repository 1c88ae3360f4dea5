import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { ItemId } from "../../schemas/Ids.ts"
import { events, inWorld, MINUTE, type Process, type World } from "../support/ActorFixture.ts"
import { inboxIdOf } from "../support/FakeEws.ts"

const people = Array.from({ length: 60 }, (_, i) => `user-${i}@example.com`)

/** Everybody reads a mail: Exchange tells the unread count along with the event. */
const allRead = (world: World, ens: Process, unread: number) =>
  Effect.forEach(people, (address) =>
    Effect.map(
      ens.callback(address, [
        events.modified(address, "a mail" as ItemId),
        events.folder(inboxIdOf(address), unread)
      ]),
      ({ reply }) => expect(reply).toBe("Ok")
    )
  ).pipe(Effect.zipRight(world.settled))

describe("unread counts that Exchange sends along", () => {
  it.scopedLive(
    "are confirmed one user after another when ENS has started, not all at once",
    inWorld((world) =>
      Effect.gen(function* () {
        const before = yield* world.start
        for (const address of people) {
          yield* world.user(address)
          yield* before.registered(address, { token: address })
          yield* before.heartbeat(address)
        }
        yield* before.stop
        const ens = yield* world.start
        const atStart = yield* world.ews.count("inbox")
        const confirmed: Array<number> = []
        for (let minute = 0; minute < 31; minute++) {
          yield* allRead(world, ens, minute)
          confirmed.push((yield* world.ews.count("inbox")) - atStart)
          yield* world.advance(MINUTE, MINUTE)
        }
        expect(confirmed[0]).toBe(0)
        expect(confirmed[10]).toBeGreaterThan(5)
        expect(confirmed[10]).toBeLessThan(people.length - 20)
        expect(confirmed[30]).toBe(people.length)
      })
    )
  )
})
