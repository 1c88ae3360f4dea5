import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { DAY, HOUR, inWorld, MINUTE, type Process, type World } from "../support/ActorFixture.ts"

const ANN = "ann@example.com"

const ready = (world: World) =>
  Effect.gen(function* () {
    const ens = yield* world.start
    yield* world.user(ANN)
    yield* ens.registered(ANN)
    yield* ens.heartbeat(ANN)
    return ens
  })

/** Silent pushes that reached the phone. */
const nudges = (world: World, token = "phone") =>
  Effect.map(world.push.received(token), (all) => all.filter(({ kind }) => kind === "resubscribe").length)

const people = (count: number) => Array.from({ length: count }, (_, i) => `user-${i}@example.com`)

const registerAll = (world: World, ens: Process, addresses: ReadonlyArray<string>) =>
  Effect.forEach(addresses, (address, i) =>
    Effect.gen(function* () {
      yield* world.user(address)
      yield* ens.registered(address, { token: `phone-${i}` })
      yield* ens.heartbeat(address)
    })
  )

const allNudges = (world: World) =>
  Effect.map(world.push.attempts, (all) =>
    all.filter(({ notification }) => notification.kind === "resubscribe")
  )

describe("a subscription that falls silent", () => {
  it.scopedLive(
    "is overdue after 30 minutes and not before, and its device is asked to register after a short window",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.advance(30 * MINUTE - 2_000, 2_000)
        expect(yield* ens.status(ANN)).toMatchObject({ state: "Active" })
        yield* world.advance(4_000, 1_000)
        expect(yield* ens.status(ANN)).toMatchObject({
          code: "UserRecordPresentNotSubscribed",
          state: "Overdue"
        })
        expect(yield* nudges(world)).toBe(0)
        yield* world.advance(2 * MINUTE + 1_000, 5_000)
        expect(yield* nudges(world)).toBe(1)
        const [silent] = yield* world.push.received("phone")
        expect(silent?.payload).toMatchObject({
          aps: { "content-available": 1 },
          ens: { action: "resubscribe", reason: "overdue" }
        })
      })
    )
  )

  it.scopedLive(
    "is asked again after 30 min and 2 h, then daily for 14 days, is lost then, and its URLs open nothing",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        const subscription = yield* world.subscription(ANN)
        yield* world.advance(31 * MINUTE, MINUTE)
        const since = world.clock.now
        const at: Array<number> = []
        const watch = (ms: number, step: number) =>
          Effect.gen(function* () {
            for (let gone = 0; gone < ms; gone += step) {
              yield* world.advance(step, step)
              while (at.length < (yield* nudges(world))) at.push((world.clock.now - since) / HOUR)
            }
          })
        yield* watch(3 * HOUR, 2 * MINUTE)
        expect(at.map((hours) => Math.floor(hours * 2) / 2)).toEqual([0, 0.5, 2])
        yield* watch(14 * DAY, HOUR)
        expect(at.length).toBe(17)
        expect(at.slice(3).map((hours) => Math.round(hours / 24))).toEqual(
          Array.from({ length: 14 }, (_, i) => i + 1)
        )
        expect(yield* ens.status(ANN)).toMatchObject({ state: "Overdue" })
        yield* watch(DAY, HOUR)
        expect(yield* ens.status(ANN)).toMatchObject({ state: "Lost" })
        yield* watch(3 * DAY, HOUR)
        expect(at.length).toBe(17)

        // A callback still ends it, but the credentials in its URL are gone for good.
        const calls = yield* world.ews.count()
        const mail = yield* world.arrive(ANN, { sender: "Bob", subject: "secret" })
        expect((yield* ens.callback(ANN, mail.events, { subscription })).reply).toBe("Ok")
        expect((yield* world.titles("phone")).at(-1)).toBe("New message")
        expect(yield* world.ews.count()).toBe(calls)
      })
    ),
    60_000
  )

  it.scopedLive(
    "is alive again with any callback, and with a registration",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        const silence = Effect.gen(function* () {
          yield* world.advance(31 * MINUTE, MINUTE)
          expect(yield* ens.status(ANN)).toMatchObject({ state: "Overdue" })
        })
        yield* silence
        yield* ens.heartbeat(ANN)
        expect(yield* ens.status(ANN)).toMatchObject({ state: "Active" })
        yield* silence
        yield* ens.mail(ANN)
        expect(yield* ens.status(ANN)).toMatchObject({ state: "Active" })
        yield* silence
        expect((yield* ens.registered(ANN)).code).toBe("UserSubscribed")
        expect(yield* ens.status(ANN)).toMatchObject({ state: "Unconfirmed" })
        // Nobody was woken for silences that ended within the window.
        yield* world.advance(10 * MINUTE, MINUTE)
        expect(yield* nudges(world)).toBe(0)
      })
    )
  )

  it.scopedLive(
    "though it never called back once is named with its host, because that is a mistake of the set-up",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* ens.registered(ANN)
        yield* world.advance(31 * MINUTE, MINUTE)
        const named = world.logged("WARN").filter((line) => line.includes("never called back"))
        expect(named).toHaveLength(1)
        expect(named[0]).toContain("mail.example.com")
      })
    )
  )

  it.scopedLive(
    "does so while ENS is down: 20 minutes of it wake nobody",
    inWorld((world) =>
      Effect.gen(function* () {
        const first = yield* ready(world)
        yield* world.advance(14 * MINUTE, MINUTE)
        yield* first.stop
        yield* world.advance(20 * MINUTE, MINUTE)
        const second = yield* world.start
        yield* world.advance(16 * MINUTE, MINUTE)
        expect(yield* second.status(ANN)).toMatchObject({ state: "Active" })
        yield* second.heartbeat(ANN)
        yield* world.advance(20 * MINUTE, MINUTE)
        expect(yield* nudges(world)).toBe(0)
        expect(yield* second.status(ANN)).toMatchObject({ state: "Active" })
      })
    )
  )

  it.scopedLive(
    "and stays so is noticed after a restart once ENS has listened for StatusFrequency and 2 minutes",
    inWorld((world) =>
      Effect.gen(function* () {
        const first = yield* ready(world)
        yield* first.stop
        yield* world.advance(60 * MINUTE, 5 * MINUTE)
        const second = yield* world.start
        yield* world.advance(16 * MINUTE, MINUTE)
        expect(yield* second.status(ANN)).toMatchObject({ state: "Active" })
        yield* world.advance(2 * MINUTE, MINUTE)
        expect(yield* second.status(ANN)).toMatchObject({ state: "Overdue" })
      })
    )
  )

  it.scopedLive(
    "keeps its place in the schedule over a restart",
    inWorld((world) =>
      Effect.gen(function* () {
        const first = yield* ready(world)
        yield* world.advance(40 * MINUTE, MINUTE)
        expect(yield* nudges(world)).toBe(1)
        yield* first.kill
        yield* world.start
        yield* world.advance(10 * MINUTE, MINUTE)
        expect(yield* nudges(world)).toBe(1)
        yield* world.advance(20 * MINUTE, MINUTE)
        expect(yield* nudges(world)).toBe(2)
      })
    )
  )

  it.scopedLive(
    "is not asked more than twice an hour, whatever the reasons",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        for (let i = 0; i < 4; i++) {
          yield* world.ews.setPassword(ANN, `word ${i}`)
          yield* ens.registered(ANN, { force: true, credentials: { password: `word ${i}` } })
          yield* world.ews.setPassword(ANN, "changed")
          yield* ens.mail(ANN)
          expect(yield* ens.status(ANN)).toMatchObject({ state: "CredentialsRejected" })
          yield* world.advance(10 * MINUTE, MINUTE)
        }
        expect(yield* nudges(world)).toBe(2)
      })
    )
  )
})

describe("a device that was asked while the clock was an hour ahead", () => {
  it.scopedLive(
    "is asked again when its subscription falls silent",
    inWorld((world) =>
      Effect.gen(function* () {
        yield* ready(world)
        const [user, ahead] = [yield* world.user(ANN), world.clock.now + HOUR]
        for (const { device } of yield* world.storage.devices(user))
          yield* world.storage.saveNudged(user, device, [ahead, ahead])
        yield* world.advance(33 * MINUTE, 5_000)
        expect(yield* nudges(world)).toBe(1)
      })
    )
  )
})

describe("many subscriptions that fall silent at once", () => {
  it.scopedLive(
    "are one fault: nobody is woken, one alarm is raised, and they are released at a bounded rate",
    inWorld(
      (world) =>
        Effect.gen(function* () {
          const ens = yield* world.start
          const addresses = people(30)
          yield* registerAll(world, ens, addresses)
          yield* world.advance(35 * MINUTE, 10_000)
          expect(yield* allNudges(world)).toEqual([])
          const alarms = world.logged("ERROR").filter((line) => line.includes("callbacks do not reach us"))
          expect(alarms).toHaveLength(1)
          yield* world.advance(4 * MINUTE, 10_000)
          expect(yield* allNudges(world)).toEqual([])
          // One user is heard of again: callbacks reach us, the others are asked now.
          yield* ens.heartbeat(addresses[0] ?? "")
          let before = 0
          for (let i = 0; i < 12; i++) {
            yield* world.advance(1_000, 200)
            const sent = (yield* allNudges(world)).length
            expect(sent - before).toBeLessThanOrEqual(6)
            before = sent
          }
          expect(before).toBe(29)
          expect(
            world.logged("ERROR").filter((line) => line.includes("callbacks do not reach us"))
          ).toHaveLength(1)
        }),
      { renewRate: 5 }
    )
  )

  it.scopedLive(
    "are asked in the end if the fault lasts",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* registerAll(world, ens, people(10))
        yield* world.advance(65 * MINUTE, 10_000)
        expect(
          new Set((yield* allNudges(world)).map(({ notification }) => notification.target.token)).size
        ).toBe(10)
      })
    )
  )

  it.scopedLive(
    "are one fault also when their heartbeats are spread",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        const addresses = people(60)
        yield* registerAll(world, ens, addresses)
        for (const address of addresses) {
          yield* ens.heartbeat(address)
          yield* world.advance(15_000, 15_000)
        }
        yield* world.advance(40 * MINUTE, 10_000)
        expect(yield* allNudges(world)).toEqual([])
        expect(world.logged("ERROR").filter((line) => line.includes("do not reach us"))).toHaveLength(1)
      })
    )
  )

  it.scopedLive(
    "are one fault also if they are three of three",
    inWorld((world) =>
      Effect.gen(function* () {
        yield* registerAll(world, yield* world.start, people(3))
        yield* world.advance(40 * MINUTE, 10_000)
        expect(yield* allNudges(world)).toEqual([])
        expect(world.logged("ERROR").filter((line) => line.includes("do not reach us"))).toHaveLength(1)
      })
    )
  )

  it.scopedLive(
    "do not hold back one that is alone with its silence",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        const addresses = people(10)
        yield* registerAll(world, ens, addresses)
        for (let i = 0; i < 4; i++) {
          yield* world.advance(10 * MINUTE, 10_000)
          for (const address of addresses.slice(1)) yield* ens.heartbeat(address)
        }
        expect((yield* allNudges(world)).map(({ notification }) => notification.target.token)).toEqual([
          "phone-0"
        ])
        expect(world.logged("ERROR")).toEqual([])
      })
    )
  )
})
