import { describe, expect, it } from "@effect/vitest"
import { Effect, FastCheck as fc, Option } from "effect"
import { dropFormerKeys, isTooOld, sealedSince } from "../../actors/KeyAge.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import type { UserNumber } from "../../schemas/Ids.ts"
import {
  DAY,
  HOUR,
  inWorld,
  MINUTE,
  type Process,
  type RegisterOptions,
  type World
} from "../support/ActorFixture.ts"
import { faults } from "../support/FakeEws.ts"

const ANN = "ann@example.com"
const POLICY = { userKeyMaxAge: HOUR }

const beat = (world: World, ens: Process, minutes: number) =>
  Effect.gen(function* () {
    for (let passed = 0; passed < minutes; passed += 10) {
      yield* world.advance(10 * MINUTE, MINUTE)
      yield* ens.heartbeat(ANN)
      yield* world.settled
    }
  })

/** A user whose key is as old as the settings allow: the next callback finds it too old. */
const aged = (world: World, ens: Process, options?: RegisterOptions) =>
  Effect.gen(function* () {
    const user = yield* world.user(ANN)
    ens.register(ANN, options)
    yield* made(world, 1)
    yield* ens.heartbeat(ANN)
    yield* beat(world, ens, 60)
    return user
  })

/** Making an RSA key pair takes real time; waits until so many subscriptions were asked for. */
const made = (world: World, count: number) =>
  Effect.gen(function* () {
    for (let tries = 0; tries < 500 && (yield* world.ews.count("subscribe")) < count; tries++) {
      yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 10)))
    }
    yield* world.settled
    expect(yield* world.ews.count("subscribe")).toBe(count)
  })

const keysOf = (world: World, user: UserNumber) =>
  Effect.map(world.storage.user(user), (found) => Option.getOrThrow(found))

/** As the housekeeping does it. */
const housekeeping = (world: World) =>
  dropFormerKeys.pipe(Effect.provideService(Storage, world.storage), Effect.orDie)

const byNow = (world: World, user: UserNumber) =>
  Effect.map(Effect.orDie(world.storage.formerKeys(user)), (keys) => keys.map(({ kind }) => kind))

describe("a key that seals callback URLs, older than the settings allow", () => {
  for (const [what, settings, options, kinds] of [
    ["sealed", {}, {}, ["seal"]],
    ["rsa", { webhookCredentials: "rsa" }, {}, ["callback", "seal"]],
    ["split", {}, { authType: "OAuth", credentials: { accessToken: "t".repeat(3_000) } }, ["seal"]]
  ] as const) {
    it.scopedLive(
      `is replaced by the next callback, and no mail goes without its details (${what})`,
      inWorld(
        (world) =>
          Effect.gen(function* () {
            const ens = yield* world.start
            const user = yield* aged(world, ens, options)
            const before = yield* keysOf(world, user)
            const old = yield* world.subscription(ANN)
            expect(yield* world.ews.count("subscribe")).toBe(1)
            yield* world.advance(1_000)
            // What comes first is announced with the old credentials, and then the renewal fails.
            yield* world.ews.failNext("subscribe", faults.refused("ErrorExceededSubscriptionCount"))
            yield* ens.mail(ANN, { sender: "Bob", subject: "first" })
            yield* made(world, 2)
            const between = yield* keysOf(world, user)
            expect(between.sealKey).not.toEqual(before.sealKey)
            expect(between.sealKeyMadeAt).toBe(world.clock.now)
            expect(yield* byNow(world, user)).toEqual(kinds)
            expect((yield* ens.mail(ANN, { sender: "Bob", subject: "second" })).reply).toBe("Ok")
            yield* beat(world, ens, 60)
            yield* made(world, 3)
            // The key that the old subscription needs was not pushed out by a third one.
            expect((yield* keysOf(world, user)).sealKey).toEqual(between.sealKey)
            expect((yield* world.subscription(ANN)).subscriptionId).not.toBe(old.subscriptionId)
            expect(yield* world.storage.formerKeys(user)).toContainEqual({
              kind: "seal",
              wrapped: before.sealKey,
              replacedAt: between.sealKeyMadeAt
            })
            expect((yield* ens.heartbeat(ANN, { subscription: old })).reply).toBe("Unsubscribe")
            expect((yield* ens.mail(ANN, { sender: "Bob", subject: "third" })).reply).toBe("Ok")
            expect(yield* world.titles("phone")).toEqual(["Bob · first", "Bob · second", "Bob · third"])
            expect(yield* ens.status(ANN)).toMatchObject({ state: "Active" })
          }),
        { ...POLICY, ...settings }
      )
    )
  }

  it.scopedLive(
    "is kept for as long as the subscription before may tell of mails, and then destroyed",
    inWorld(
      (world) =>
        Effect.gen(function* () {
          const ens = yield* world.start
          const user = yield* aged(world, ens)
          const old = yield* world.subscription(ANN)
          yield* world.advance(1_000)
          const late = yield* world.arrive(ANN, { sender: "Bob", subject: "late" })
          yield* world.advance(30_000)
          yield* ens.heartbeat(ANN)
          yield* made(world, 2)
          expect(yield* housekeeping(world)).toBe(0)
          expect((yield* ens.callback(ANN, late.events, { subscription: old })).reply).toBe("Unsubscribe")
          expect(yield* world.titles("phone")).toEqual(["Bob · late"])
          yield* world.advance(10_000)
          yield* ens.stop
          yield* world.advance(DAY, HOUR)
          expect(yield* housekeeping(world)).toBe(1)
          expect(yield* byNow(world, user)).toEqual([])
          // `f` of the URL before opens nothing any more; the present one does.
          const again = yield* world.startWith({ userKeyMaxAge: undefined })
          yield* again.heartbeat(ANN)
          yield* again.mail(ANN, { sender: "Bob", subject: "today" })
          expect((yield* world.titles("phone")).at(-1)).toBe("Bob · today")
          const { f, generation } = inside(world, old.callbackUrl)
          const owner = yield* keysOf(world, user)
          expect(yield* world.seal.open(owner, generation, f)).toEqual(Option.none())
          expect(yield* world.seal.isFor(owner, f)).toBe(false)
        }),
      POLICY
    )
  )

  it.scopedLive(
    "is not replaced by a callback before, nor where the settings say never, and costs a mail no reading",
    inWorld((world) =>
      Effect.gen(function* () {
        for (const userKeyMaxAge of [undefined, 400 * DAY]) {
          const ens = yield* world.startWith({ userKeyMaxAge })
          const user = yield* aged(world, ens)
          const before = yield* keysOf(world, user)
          yield* ens.mail(ANN)
          yield* ens.mail(ANN)
          expect(yield* keysOf(world, user)).toEqual(before)
          expect(world.faults.calls("formerKeys")).toBe(0)
          expect(world.faults.calls("replaceSealKey")).toBe(0)
          expect(yield* world.ews.count("subscribe")).toBe(1)
          yield* ens.stop
        }
      })
    )
  )

  it.scopedLive(
    "is replaced at most once an hour, however short the settings want it",
    inWorld(
      (world) =>
        Effect.gen(function* () {
          const ens = yield* world.start
          yield* world.user(ANN)
          yield* ens.registered(ANN)
          yield* ens.heartbeat(ANN)
          for (let minutes = 0; minutes < 180; minutes++) {
            yield* world.advance(MINUTE, MINUTE)
            if (minutes % 5 === 0) expect((yield* ens.heartbeat(ANN)).reply).toBe("Ok")
            yield* world.settled
          }
          expect(world.faults.calls("replaceSealKey")).toBe(3)
          expect(yield* world.ews.count("subscribe")).toBe(4)
          // A registration that changes nothing is no reason either.
          expect(yield* ens.registered(ANN)).toMatchObject({ code: "Success" })
        }),
      { userKeyMaxAge: MINUTE }
    )
  )

  it.scopedLive(
    "is replaced by a registration that makes a new subscription anyway, and stays usable if that one fails",
    inWorld(
      (world) =>
        Effect.gen(function* () {
          const ens = yield* world.start
          const user = yield* aged(world, ens)
          const before = yield* keysOf(world, user)
          yield* world.advance(1_000)
          yield* world.ews.failNext("subscribe", faults.refused("ErrorAccessDenied"))
          expect(yield* ens.registered(ANN, { force: true })).toMatchObject({ code: "SubscribeAgain" })
          const after = yield* keysOf(world, user)
          expect(after.sealKey).not.toEqual(before.sealKey)
          expect(yield* ens.registered(ANN, { force: true })).toMatchObject({ code: "UserSubscribed" })
          expect((yield* keysOf(world, user)).sealKey).toEqual(after.sealKey)
          yield* ens.heartbeat(ANN)
          yield* ens.mail(ANN, { sender: "Bob", subject: "Hi" })
          expect(yield* world.titles("phone")).toEqual(["Bob · Hi"])
          // It is young now.
          yield* beat(world, ens, 30)
          expect(yield* world.ews.count("subscribe")).toBe(3)
        }),
      POLICY
    )
  )

  it.scopedLive(
    "waits for a registration under way, which replaces it",
    inWorld(
      (world) =>
        Effect.gen(function* () {
          const ens = yield* world.start
          yield* aged(world, ens)
          const old = yield* world.subscription(ANN)
          yield* world.advance(1_000)
          yield* world.ews.hold("subscribe")
          const registering = ens.register(ANN, { force: true })
          yield* world.settled
          expect((yield* ens.heartbeat(ANN, { subscription: old })).reply).toBe("Ok")
          yield* world.ews.release("subscribe")
          yield* world.settled
          expect(registering.reply).toMatchObject({ code: "UserSubscribed" })
          yield* ens.heartbeat(ANN)
          yield* world.settled
          expect(yield* world.ews.count("subscribe")).toBe(2)
          expect(world.faults.calls("replaceSealKey")).toBe(1)
        }),
      POLICY
    )
  )

  it.scopedLive(
    "is replaced once, though storage's answer to that was lost",
    inWorld(
      (world) =>
        Effect.gen(function* () {
          const ens = yield* world.start
          const user = yield* aged(world, ens)
          const before = yield* keysOf(world, user)
          yield* world.advance(1_000)
          world.faults.loseAnswer("replaceSealKey")
          yield* ens.mail(ANN, { sender: "Bob", subject: "one" })
          yield* world.settled
          expect(yield* world.ews.count("subscribe")).toBe(1)
          yield* ens.mail(ANN, { sender: "Bob", subject: "two" })
          yield* beat(world, ens, 70)
          yield* made(world, 2)
          expect(world.faults.calls("replaceSealKey")).toBe(1)
          expect((yield* world.storage.formerKeys(user)).map(({ wrapped }) => wrapped)).toEqual([
            before.sealKey
          ])
          yield* ens.mail(ANN, { sender: "Bob", subject: "three" })
          expect(yield* world.titles("phone")).toEqual(["Bob · one", "Bob · two", "Bob · three"])
        }),
      POLICY
    )
  )

  it.scopedLive(
    "counts as young if it was made by a clock that was ahead",
    inWorld(
      (world) =>
        Effect.gen(function* () {
          const ens = yield* world.start
          const user = yield* world.user(ANN)
          yield* ens.registered(ANN)
          yield* ens.heartbeat(ANN)
          yield* ens.stop
          const { sealKey } = yield* keysOf(world, user)
          yield* world.storage.replaceSealKey(user, sealKey, world.clock.now + 365 * DAY)
          const again = yield* world.start
          yield* again.mail(ANN, { sender: "Bob", subject: "one" })
          yield* beat(world, again, 180)
          yield* again.mail(ANN, { sender: "Bob", subject: "two" })
          expect(yield* world.ews.count("subscribe")).toBe(1)
          expect(world.faults.calls("replaceSealKey")).toBe(1)
          // And no registration in between has it replaced, or forgets which one is needed.
          expect(yield* again.registered(ANN, { force: true })).toMatchObject({ code: "UserSubscribed" })
          yield* housekeeping(world)
          yield* again.mail(ANN, { sender: "Bob", subject: "three" })
          expect(yield* world.titles("phone")).toEqual(["Bob · one", "Bob · two", "Bob · three"])
        }),
      POLICY
    )
  )
})

describe("a process that is killed while it replaces a key", () => {
  /** Each answer of storage takes a second, so that the kill falls between two of them. */
  const SLOW = 1_000
  /** New keys in storage, subscriptions at Exchange, generation in storage: what the killed processes left. */
  const left = new Set<string>()

  it.scopedLive.each(Array.from({ length: 21 }, (_, index) => index * 500 + 250))(
    "after %i ms leaves a subscription whose mails have their details, also the day after",
    (ms) =>
      inWorld(
        (world) =>
          Effect.gen(function* () {
            const ended = new Set<string>()
            const first = yield* world.start
            const user = yield* aged(world, first)
            yield* world.advance(1_000)
            world.faults.delay(SLOW)
            // The last one dies between Subscribe and storing.
            if (ms > 10_000) yield* world.ews.hold("inbox")
            yield* first.heartbeat(ANN)
            yield* world.advance(ms, 250)
            yield* first.kill
            yield* world.ews.release("inbox")
            yield* world.advance(2 * SLOW, 250)
            world.faults.delay(0)
            const replaced = (yield* byNow(world, user)).length
            const { generation } = Option.getOrThrow(yield* world.storage.subscription(user))
            left.add([replaced, (yield* world.ews.subscriptions(ANN)).length, generation].join())

            const second = yield* world.startWith(POLICY)
            for (let round = 0; round < 4; round++) {
              yield* heardOfAll(world, second, ended)
              yield* world.advance(10 * MINUTE, MINUTE)
            }
            expect(yield* world.ews.subscriptions(ANN)).not.toHaveLength(1)
            yield* second.mail(ANN, { sender: "Bob", subject: "today" })
            expect(yield* world.titles("phone")).toEqual(["Bob · today"])
            yield* second.stop
            yield* world.advance(DAY, HOUR)
            yield* housekeeping(world)
            const third = yield* world.startWith({ userKeyMaxAge: undefined })
            yield* heardOfAll(world, third, ended)
            yield* third.mail(ANN, { sender: "Bob", subject: "tomorrow" })
            expect((yield* world.titles("phone")).at(-1)).toBe("Bob · tomorrow")
            expect(yield* third.status(ANN)).toMatchObject({ state: "Active" })
            expect((yield* world.push.received("phone")).map(({ kind }) => kind)).not.toContain("silent")
            expect(yield* byNow(world, user)).toEqual([])
          }),
        POLICY
      )()
  )

  it("was killed before the new key, after it, after the new subscription, and when all was stored", () => {
    expect([...left].sort()).toEqual(["0,1,1", "1,1,1", "1,2,1", "1,2,2"])
  })
})

/** Every subscription that Exchange has calls; those that are told to end do. */
const heardOfAll = (world: World, ens: Process, ended: Set<string>) =>
  Effect.gen(function* () {
    for (const subscription of yield* world.ews.subscriptions(ANN)) {
      if (ended.has(subscription.subscriptionId)) continue
      const { reply } = yield* ens.heartbeat(ANN, { subscription })
      expect(["Ok", "Unsubscribe"]).toContain(reply)
      if (reply === "Unsubscribe") ended.add(subscription.subscriptionId)
      yield* world.settled
    }
  })

const inside = (world: World, callbackUrl: string) => {
  const query = new URL(callbackUrl).searchParams
  const f = query.get("f") ?? ""
  const verified = world.seal.verify(query.get("id") ?? "", f, query.get("s") ?? "")
  if (verified === undefined) throw new Error("a callback URL that is not ours")
  return { f, generation: verified.generation }
}

describe("the age of a key", () => {
  const time = fc.integer({ min: 2 * HOUR, max: 2 ** 43 })

  it("is that of the one before for what was sealed before, and never that of a time to come", () => {
    fc.assert(
      fc.property(time, time, time, (sealKeyMadeAt, subscribedAt, now) => {
        const since = sealedSince({ sealKeyMadeAt, subscribedAt }, now)
        const isDue = isTooOld(since, HOUR, now)
        const isSealedBefore = subscribedAt < sealKeyMadeAt
        expect(isDue).toBe(sealKeyMadeAt <= now && (isSealedBefore || now - sealKeyMadeAt > HOUR))
        expect(isTooOld(since, Number.POSITIVE_INFINITY, now)).toBe(false)
      })
    )
  })
})
