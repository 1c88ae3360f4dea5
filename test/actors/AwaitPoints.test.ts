import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { inWorld, MINUTE, type Pending, type Process, type World } from "../support/ActorFixture.ts"
import type { Interruptions } from "../support/Interruptions.ts"

const ANN = "ann@example.com"
const PHONES = ["phone", "tablet"] as const

/** Repeats as an app or Exchange does, until the reply is what it waits for. */
const until = <A>(
  world: World,
  request: () => Effect.Effect<Pending<A>>,
  isDone: (reply: Pending<A>["reply"]) => boolean
) =>
  Effect.gen(function* () {
    const asked: Array<Pending<A>> = []
    do {
      asked.push(yield* request())
      yield* world.advance(MINUTE, 5_000)
      expect(asked.length, "repeats").toBeLessThan(5)
    } while (!isDone(asked.at(-1)?.reply))
    expect(asked.map(({ replies }) => replies)).toEqual(asked.map(() => 1))
  })

const registered = (world: World, ens: Process, token: string) =>
  until(
    world,
    () =>
      Effect.gen(function* () {
        const pending = ens.register(ANN, { token })
        yield* world.settled
        return pending
      }),
    (reply) => typeof reply === "object" && "code" in reply && /Subscribed|Success/.test(reply.code)
  )

/** Two phones register, get two mails, and unregister. */
const story = (world: World) =>
  Effect.gen(function* () {
    const ens = yield* world.start
    yield* world.user(ANN)
    world.interruptions.counting = true
    for (const token of PHONES) yield* registered(world, ens, token)
    yield* ens.heartbeat(ANN)
    for (const subject of ["one", "two"]) {
      const { events } = yield* world.arrive(ANN, { sender: "Bob", subject })
      yield* until(
        world,
        () => ens.callback(ANN, events),
        (reply) => reply === "Ok"
      )
    }
    world.interruptions.counting = false
    expect(yield* ens.status(ANN, "tablet")).toMatchObject({ state: "Active" })
    for (const token of PHONES) {
      const named = yield* Effect.map(
        world.push.received(token),
        (all) =>
          new Set(all.map(({ payload }) => (payload["ens"] as { messageId?: string } | undefined)?.messageId))
      )
      named.delete(undefined)
      expect(named.size, `mails that the ${token} knows of`).toBe(2)
    }
    yield* world.advance(MINUTE, 5_000)
    expect(yield* ens.unregister(ANN, "tablet")).toMatchObject({ code: "DeviceUnregistered" })
    expect(yield* ens.unregister(ANN, "phone")).toMatchObject({ code: "DeviceUnregisteredUserUnsubscribed" })
    yield* ens.stop
  })

const points = (set: (interruptions: Interruptions) => void): Promise<ReadonlyArray<string>> => {
  let seen: ReadonlyArray<string> = []
  const told = inWorld((world) =>
    Effect.gen(function* () {
      set(world.interruptions)
      yield* story(world)
      seen = world.interruptions.seen
    })
  )
  return Effect.runPromise(Effect.scoped(told())).then(() => seen)
}

describe("a job that is interrupted at whatever it waits for", () => {
  for (const when of ["before", "after"] as const) {
    it(`costs nobody an answer and no phone a mail (${when} the call)`, async () => {
      const calls = await points(() => {})
      for (const call of ["subscribe", "saveSubscribed", "inbox", "mails", "post"])
        expect(calls).toContain(call)
      for (const [index, call] of calls.entries()) {
        const set = (interruptions: Interruptions) => {
          interruptions.at = index + 1
          interruptions.when = when
        }
        await points(set).catch((cause: unknown) => {
          throw new Error(`interrupted ${when} call ${index + 1}, ${call}`, { cause })
        })
      }
    }, 120_000)
  }
})
