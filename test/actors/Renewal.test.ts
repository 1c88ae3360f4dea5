import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { HOUR, inWorld, MINUTE, type World } from "../support/ActorFixture.ts"
import { faults } from "../support/FakeEws.ts"

const ANN = "ann@example.com"
const MOVED = { publicUrl: "https://push.example.com/api/ens" }

/** A user whose subscription calls a process that ends then. */
const subscribedBefore = (world: World, addresses: ReadonlyArray<string> = [ANN]) =>
  Effect.gen(function* () {
    const ens = yield* world.start
    for (const address of addresses) {
      yield* world.user(address)
      yield* ens.registered(address)
      yield* ens.heartbeat(address)
    }
    yield* ens.stop
  })

describe("a subscription that was made otherwise than the settings say now", () => {
  it.scopedLive(
    "is renewed by its next callback, goes on meanwhile, and is ended then",
    inWorld((world) =>
      Effect.gen(function* () {
        yield* subscribedBefore(world)
        const old = yield* world.subscription(ANN)
        const ens = yield* world.startWith(MOVED)
        yield* world.ews.hold("subscribe")
        const mail = yield* ens.mail(ANN, { sender: "Bob", subject: "first" })
        expect(mail.reply).toBe("Ok")
        const meanwhile = yield* world.arrive(ANN, { sender: "Bob", subject: "second" })
        const during = yield* ens.callback(ANN, meanwhile.events, { subscription: old })
        // One call of a user at a time: this mail does without its details.
        yield* world.advance(5_000)
        expect(during.reply).toBe("Ok")
        const late = yield* world.arrive(ANN, { sender: "Bob", subject: "third" })
        yield* world.ews.release("subscribe")
        yield* world.settled
        const made = yield* world.subscription(ANN)
        expect(made.callbackUrl).toContain(MOVED.publicUrl)
        expect(made.subscriptionId).not.toBe(old.subscriptionId)
        expect((yield* ens.callback(ANN, late.events, { subscription: old })).reply).toBe("Unsubscribe")
        expect((yield* ens.heartbeat(ANN)).reply).toBe("Ok")
        expect(yield* world.titles("phone")).toEqual(["Bob · first", "New message", "Bob · third"])
        // It is as the settings say now, also for the next process.
        yield* world.advance(2 * HOUR, MINUTE)
        yield* ens.stop
        const again = yield* world.startWith(MOVED)
        yield* again.heartbeat(ANN)
        expect(yield* world.ews.count("subscribe")).toBe(2)
        expect(yield* world.ews.count("missed")).toBe(0)
      })
    )
  )

  it.scopedLive(
    "is renewed when another frequency was set, and not without a reason",
    inWorld((world) =>
      Effect.gen(function* () {
        yield* subscribedBefore(world)
        for (const [settings, times] of [
          [{}, 1],
          [{ statusFrequencyMinutes: 20 }, 2],
          [{ statusFrequencyMinutes: 20 }, 2]
        ] as const) {
          const ens = yield* world.startWith(settings)
          yield* ens.heartbeat(ANN)
          yield* world.settled
          expect(yield* world.ews.count("subscribe")).toBe(times)
          yield* ens.stop
          yield* world.advance(5 * MINUTE, MINUTE)
        }
      })
    )
  )

  it.scopedLive(
    "stays in force if that fails, which is tried again after an hour",
    inWorld((world) =>
      Effect.gen(function* () {
        yield* subscribedBefore(world)
        const ens = yield* world.startWith(MOVED)
        yield* world.ews.failNext("subscribe", faults.refused("ErrorExceededSubscriptionCount"))
        for (let minutes = 0; minutes < 60; minutes += 10) {
          expect((yield* ens.heartbeat(ANN)).reply).toBe("Ok")
          yield* world.advance(10 * MINUTE, MINUTE)
        }
        expect(yield* ens.status(ANN)).toMatchObject({ state: "Active" })
        expect(yield* world.ews.count("subscribe")).toBe(2)
        const failures = world.logged("WARN").filter((line) => line.includes("subscribing failed"))
        expect(new Set(failures).size).toBe(1)
        yield* ens.heartbeat(ANN)
        yield* world.settled
        expect(yield* world.ews.count("subscribe")).toBe(3)
        expect((yield* world.subscription(ANN)).callbackUrl).toContain(MOVED.publicUrl)
      })
    )
  )

  it.scopedLive(
    "shows by a refused log-in that its credentials are of no use",
    inWorld((world) =>
      Effect.gen(function* () {
        yield* subscribedBefore(world)
        const ens = yield* world.startWith(MOVED)
        yield* world.ews.setPassword(ANN, "another word")
        yield* ens.heartbeat(ANN)
        yield* world.settled
        expect(yield* ens.status(ANN)).toMatchObject({ state: "CredentialsRejected" })
        const calls = yield* world.ews.count()
        yield* ens.mail(ANN)
        expect(yield* world.ews.count()).toBe(calls)
      })
    )
  )

  it.scopedLive(
    "is not renewed by a heartbeat that comes while too many callbacks are in hand",
    inWorld((world) =>
      Effect.gen(function* () {
        yield* subscribedBefore(world)
        const ens = yield* world.startWith(MOVED)
        yield* ens.heartbeat(ANN, { hurried: true })
        yield* world.settled
        expect(yield* world.ews.count("subscribe")).toBe(1)
        yield* ens.heartbeat(ANN)
        yield* world.settled
        expect(yield* world.ews.count("subscribe")).toBe(2)
      })
    )
  )

  it.scopedLive(
    "costs one refused log-in, also if a mail comes while it is renewed",
    inWorld((world) =>
      Effect.gen(function* () {
        yield* subscribedBefore(world)
        const ens = yield* world.startWith(MOVED)
        yield* world.ews.setPassword(ANN, "another word")
        yield* world.ews.hold("subscribe")
        yield* ens.heartbeat(ANN)
        const { events } = yield* world.arrive(ANN)
        const mail = yield* ens.callback(ANN, events)
        yield* world.ews.release("subscribe")
        yield* world.settled
        yield* world.settled
        expect(mail.reply).toBe("Ok")
        expect(yield* world.titles("phone")).toEqual(["New message"])
        expect(yield* ens.status(ANN)).toMatchObject({ state: "CredentialsRejected" })
        expect(yield* world.ews.refusedLogIns).toBe(1)
      })
    )
  )

  it.scopedLive(
    "is renewed with its neighbours at the rate that is set",
    inWorld((world) =>
      Effect.gen(function* () {
        const addresses = Array.from({ length: 10 }, (_, i) => `user${i}@example.com`)
        yield* subscribedBefore(world, addresses)
        const ens = yield* world.startWith({ ...MOVED, renewRate: 3 })
        const beats = Effect.forEach(addresses, (address) => ens.heartbeat(address))
        const made = Effect.map(world.ews.count("subscribe"), (count) => count - addresses.length)
        yield* beats
        expect(yield* made).toBe(3)
        yield* beats
        expect(yield* made).toBe(3)
        yield* world.advance(1_000)
        yield* beats
        expect(yield* made).toBe(6)
        yield* world.advance(60_000)
        yield* beats
        expect(yield* made).toBe(9)
      })
    )
  )

  it.scopedLive(
    "is made anew by a registration, too",
    inWorld((world) =>
      Effect.gen(function* () {
        yield* subscribedBefore(world)
        const ens = yield* world.startWith(MOVED)
        expect(yield* ens.registered(ANN)).toMatchObject({ code: "UserSubscribed" })
        expect(yield* ens.registered(ANN)).toMatchObject({ code: "Success" })
      })
    )
  )
})

describe("a subscription that Exchange reports broken", () => {
  const error = { errorCode: "ErrorReadEventsFailed" }

  const ready = (world: World) =>
    Effect.gen(function* () {
      const ens = yield* world.start
      yield* world.user(ANN)
      yield* ens.registered(ANN)
      yield* ens.heartbeat(ANN)
      yield* world.advance(20_000)
      return ens
    })

  it.scopedLive(
    "goes on from the last watermark, and nothing has to be looked for",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        const mail = yield* ens.mail(ANN)
        yield* world.advance(5_000)
        yield* ens.callback(ANN, [], error)
        yield* world.settled
        expect(yield* world.subscription(ANN)).toMatchObject({
          resumed: mail.arrived.events.at(-1)?.watermark
        })
        expect(yield* world.ews.count("missed")).toBe(0)
        // Exchange repeats what it is not sure of; the ledger knows better.
        yield* ens.callback(ANN, mail.arrived.events)
        expect(yield* world.push.received("phone")).toHaveLength(1)
      })
    )
  )

  it.scopedLive(
    "starts anew where Exchange does not know the watermark any more, and has missed mails looked for",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.ews.forgetWatermarks
        yield* world.arrive(ANN, { sender: "Bob", subject: "missed" })
        yield* ens.callback(ANN, [], error)
        yield* world.settled
        expect(yield* world.subscription(ANN)).toMatchObject({ resumed: undefined })
        expect(yield* world.titles("phone")).toEqual(["Bob · missed"])
      })
    )
  )

  it.scopedLive(
    "starts anew if it was not heard for half an hour",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.advance(31 * MINUTE, MINUTE)
        yield* world.push.clear
        yield* world.arrive(ANN, { sender: "Bob", subject: "missed" })
        yield* ens.callback(ANN, [], error)
        yield* world.settled
        expect(yield* world.subscription(ANN)).toMatchObject({ resumed: undefined })
        expect(yield* world.titles("phone")).toContain("Bob · missed")
      })
    )
  )

  it.scopedLive(
    "and cannot be renewed leaves its gap to the next registration",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.arrive(ANN, { sender: "Bob", subject: "missed" })
        yield* world.advance(10 * MINUTE, MINUTE)
        yield* world.ews.failNext("subscribe", faults.refused("ErrorAccessDenied"))
        yield* ens.callback(ANN, [], error)
        yield* world.settled
        expect(yield* ens.status(ANN)).toMatchObject({ state: "Overdue" })
        yield* world.advance(10 * MINUTE, MINUTE)
        yield* world.push.clear
        yield* ens.registered(ANN)
        yield* world.settled
        expect(yield* world.titles("phone")).toEqual(["Bob · missed"])
      })
    )
  )

  it.scopedLive(
    "is renewed after a registration of the same moment failed",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.ews.hold("subscribe")
        const registering = ens.register(ANN, { force: true })
        yield* world.settled
        const user = yield* world.user(ANN)
        const before = Option.getOrThrow(yield* world.storage.subscription(user))
        yield* ens.callback(ANN, [], error)
        yield* world.ews.failNext("subscribe", faults.refused("ErrorAccessDenied"))
        yield* world.ews.release("subscribe")
        yield* world.settled
        yield* world.settled
        expect(registering.reply).toMatchObject({ code: "SubscribeAgain" })
        const after = Option.getOrThrow(yield* world.storage.subscription(user))
        expect(after.generation).toBeGreaterThan(before.generation)
        expect((yield* ens.heartbeat(ANN)).reply).toBe("Ok")
      })
    )
  )
})
