import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { ActivityId } from "../../schemas/Ids.ts"
import { Unregister } from "../../schemas/SubscriptionMessage.ts"
import { type Arrived, inWorld, MINUTE, type Process, type World } from "../support/ActorFixture.ts"
import { callback, subscribe } from "../support/Subscribers.ts"

const ANN = "ann@example.com"
const activityId = "00000000-0000-4000-8000-000000000000" as ActivityId
const BEN = "ben@example.com"
const SECOND = 1_000
/** A database that has a bad time, call after call (ms); half of it passes before the call is done. */
const PACES = [50, 400, 1_000, 50, 2_500, 6_000, 200]

const slowly = (world: World) =>
  world.faults.pace((_, call) => {
    const took = PACES[call % PACES.length]!
    return { before: took / 2, after: took / 2 }
  })

/** As Exchange does: again and again until it is taken. */
const called = (world: World, ens: Process, address: string, arrived: Arrived) =>
  Effect.gen(function* () {
    for (let tries = 1; tries <= 5; tries++) {
      const pending = yield* ens.callback(address, arrived.events)
      yield* world.advance(12 * SECOND, 100)
      if (pending.reply === "Ok") return tries
      yield* world.advance(30 * SECOND)
    }
    return expect.fail("the callback was never taken")
  })

const registered = (world: World) =>
  Effect.gen(function* () {
    const ens = yield* world.start
    yield* world.user(ANN)
    yield* ens.registered(ANN)
    yield* ens.heartbeat(ANN)
    return ens
  })

describe("storage that takes between 50 ms and 6 s for each call", () => {
  it.scopedLive(
    "changes nothing in what users get: registration, mails, a crash, a renewal, leaving",
    inWorld((world) =>
      Effect.gen(function* () {
        const user = yield* world.user(ANN)
        const ens = yield* world.start
        slowly(world)
        const registration = ens.register(ANN)
        yield* world.advance(30 * SECOND, 100)
        expect(registration.reply).toMatchObject({ code: "UserSubscribed" })
        for (let mail = 0; mail < 8; mail++) {
          const arrived = yield* world.arrive(ANN, { sender: "Bob", subject: `mail ${mail}` })
          yield* called(world, ens, ANN, arrived)
          // A heartbeat asks no storage.
          expect((yield* ens.heartbeat(ANN)).reply).toBe("Ok")
        }
        yield* ens.kill

        const again = yield* world.startWith({ publicUrl: "https://push.example.com/api/ens" })
        const early = yield* world.arrive(ANN, { sender: "Bob", subject: "after the crash" })
        yield* called(world, again, ANN, early)
        yield* world.advance(2 * MINUTE)
        expect((yield* world.subscription(ANN)).callbackUrl).toContain("push.example.com")
        expect(yield* world.ews.count("subscribe")).toBe(2)
        const late = yield* world.arrive(ANN, { sender: "Bob", subject: "after the renewal" })
        yield* called(world, again, ANN, late)
        yield* world.advance(5 * MINUTE)
        const received = yield* world.push.received("phone")
        const mails = received.filter(({ kind }) => kind === "newMail")
        expect(new Set(mails.map(({ id }) => id)).size).toBe(10)

        const left = again.post(user, new Unregister({ activityId, deviceToken: "phone", ewsUrl: undefined }))
        yield* world.advance(60 * SECOND, 100)
        expect(left.reply).toMatchObject({ code: "DeviceUnregisteredUserUnsubscribed" })
        expect(yield* again.subscriptions.count).toBe(0)
      })
    ),
    30_000
  )

  it.scopedLive(
    "keeps no heartbeat waiting",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* registered(world)
        yield* ens.mail(ANN)
        yield* world.advance(5 * MINUTE)
        world.faults.delay(6 * SECOND)
        yield* ens.mail(ANN)
        for (let count = 0; count < 20; count++) expect((yield* ens.heartbeat(ANN)).reply).toBe("Ok")
      })
    )
  )
})

describe("storage that takes 6 s for each call", () => {
  it.scopedLive(
    "costs a user whose devices are known nothing, however old that knowledge is",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* registered(world)
        yield* ens.mail(ANN, { sender: "Bob", subject: "first" })
        yield* world.advance(5 * MINUTE)
        world.faults.delay(6 * SECOND)
        const mail = yield* ens.mail(ANN, { sender: "Bob", subject: "second" })
        yield* world.advance(4 * SECOND, 100)
        expect(mail.reply).toBe("Ok")
        expect(yield* world.titles("phone")).toEqual(["Bob · first", "Bob · second"])
        // What was read meanwhile is used by the next one.
        yield* world.advance(3 * SECOND, 100)
        const before = world.faults.calls("dossier")
        const next = yield* ens.mail(ANN, { sender: "Bob", subject: "third" })
        yield* world.advance(2 * SECOND, 100)
        expect(next.reply).toBe("Ok")
        expect(world.faults.calls("dossier")).toBe(before)
      })
    )
  )

  it.scopedLive(
    "costs a user's first mail after a start its details, but not the callback's deadline",
    inWorld((world) =>
      Effect.gen(function* () {
        const first = yield* registered(world)
        yield* world.user(BEN)
        yield* first.registered(BEN, { token: "other phone" })
        yield* first.kill
        const ens = yield* world.start
        yield* ens.mail(BEN)
        world.faults.delay(6 * SECOND)
        const mail = yield* ens.mail(ANN, { sender: "Bob", subject: "late" })
        yield* world.advance(10 * SECOND, 100)
        expect(mail.reply).toBe("Ok")
        expect(yield* world.titles("phone")).toEqual(["New message"])
      })
    )
  )
})

describe("a user who leaves while storage is still being asked for an actor", () => {
  it.scopedLive(
    "is not brought back by what it says of before",
    inWorld((world) =>
      Effect.gen(function* () {
        const first = yield* registered(world)
        yield* first.kill
        world.faults.pace((operation) => ({
          before: 0,
          after: { subscriptions: 100, subscription: 2_000 }[operation as string] ?? 0
        }))
        const ens = yield* world.start
        const early = yield* ens.heartbeat(ANN)
        expect(early.reply).toBeUndefined()
        yield* world.advance(200, 50)
        // His turn in the loading has come: nobody waits for the other reading any more.
        expect(early).toEqual({ reply: "Ok", replies: 1 })
        expect(yield* ens.unregister(ANN, "phone")).toMatchObject({
          code: "DeviceUnregisteredUserUnsubscribed"
        })
        yield* world.advance(5 * SECOND, 100)
        expect(yield* ens.subscriptions.count).toBe(0)
      })
    )
  )

  it.scopedLive(
    "is asked for once, whoever wants something of him meanwhile",
    inWorld((world) =>
      Effect.gen(function* () {
        const first = yield* registered(world)
        yield* first.kill
        world.faults.pace((operation) => ({
          before: 0,
          after: { subscriptions: 60_000, subscription: 1_000 }[operation as string] ?? 0
        }))
        const ens = yield* world.start
        const before = world.faults.calls("subscription")
        const pending = yield* Effect.forEach(Array.from({ length: 20 }), () => ens.heartbeat(ANN))
        yield* world.advance(2 * SECOND, 100)
        expect(pending.every(({ replies, reply }) => reply === "Ok" && replies === 1)).toBe(true)
        expect(world.faults.calls("subscription") - before).toBe(1)
      })
    )
  )
})

describe("loading of 300 users from storage that takes 50 ms a page", () => {
  it.scopedLive(
    "brings nobody back to what was true when the page was read",
    inWorld((world) =>
      Effect.gen(function* () {
        const first = yield* world.start
        const all = yield* subscribe(world, first, 300)
        yield* first.kill
        world.faults.pace((operation) => ({ before: 0, after: operation === "subscriptions" ? 50 : 0 }))
        const ens = yield* world.start
        expect(ens.subscriptions.loaded()).toBe(false)
        const mails = all.map((one) => callback(world, ens, one, 1))
        yield* ens.registered("user-299@example.com", { token: "phone-299", force: true })
        yield* world.advance(300, 10)
        expect(ens.subscriptions.loaded()).toBe(true)
        expect(yield* ens.subscriptions.count).toBe(300)
        expect((yield* ens.heartbeat("user-299@example.com")).reply).toBe("Ok")
        expect(yield* ens.status("user-299@example.com")).toMatchObject({ state: "Active" })
        yield* world.settled
        // As many may wait for storage at a time as storage can bear; the others are sent again.
        expect(mails.filter(({ reply }) => reply === "Ok").length).toBeGreaterThanOrEqual(255)
        expect(mails.every(({ replies }) => replies === 1)).toBe(true)
      })
    )
  )
})
