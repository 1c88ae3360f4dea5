import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option } from "effect"
import { Subscriptions } from "../../actors/Subscriptions.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import type { Generation, UserNumber } from "../../schemas/Ids.ts"
import type { SettingsShape } from "../../schemas/Settings.ts"
import * as Retention from "../../src/Retention.ts"
import { inWorld, MINUTE, type Process, type World } from "../support/ActorFixture.ts"
import { settingsOf } from "../support/CryptoFixture.ts"
import { type Line, recordLog } from "../support/DeviceApiFixture.ts"

const ANN = "ann@example.com"
const BOB = "bob@example.com"
const AGE = 10 * MINUTE
const YEAR = 365 * 24 * 60 * MINUTE
const never: SettingsShape["retain"] = { devices: undefined, lost: undefined, events: undefined }

/** Clears up until it is done; answers the one line about it. */
const cleared = (world: World, ens: Process, retain: Partial<SettingsShape["retain"]>) =>
  Effect.gen(function* () {
    const clearing = yield* started(world, ens, retain)
    yield* world.advance(10_000, 50)
    yield* Fiber.join(clearing.fiber)
    return clearing.lines.filter(({ level }) => level === "INFO").map(({ text }) => text)
  })

/** However much it is, as after a week. */
const anyway = { devices: () => Effect.succeed(true), lost: () => Effect.succeed(true) }

const started = (
  world: World,
  ens: Process,
  retain: Partial<SettingsShape["retain"]>,
  clearUp = Retention.clearUp(anyway)
) =>
  Effect.gen(function* () {
    const lines: Array<Line> = []
    const fiber = yield* clearUp.pipe(
      Effect.provideService(Subscriptions, ens.subscriptions),
      Effect.provideService(Storage, world.storage),
      Effect.provide(Layer.merge(settingsOf({ retain: { ...never, ...retain } }), recordLog(lines))),
      Effect.withClock(world.clock),
      Effect.fork
    )
    return { fiber, lines }
  })

const tokensOf = (world: World, user: UserNumber) =>
  Effect.map(world.storage.devices(user), (all) => all.map(({ token }) => token))
const isKnown = (world: World, user: UserNumber) => Effect.map(world.storage.user(user), Option.isSome)

/** Ann with a phone and a tablet. */
const twoDevices = (world: World) =>
  Effect.gen(function* () {
    const ens = yield* world.start
    const user = yield* world.user(ANN)
    yield* ens.registered(ANN, { token: "phone" })
    yield* ens.registered(ANN, { token: "tablet" })
    return { ens, user }
  })

/** A user whose subscription is lost, since now. */
const lostUser = (world: World, address = ANN, tokens: ReadonlyArray<string> = ["phone", "tablet"]) =>
  Effect.gen(function* () {
    const before = yield* world.start
    const user = yield* world.user(address)
    for (const token of tokens) yield* before.registered(address, { token })
    yield* before.stop
    yield* world.storage.saveLinks([
      { user, generation: 1 as Generation, link: "Lost", linkSince: world.clock.now, nudges: 16 }
    ])
    return user
  })

describe("retention", () => {
  it.scopedLive(
    "removes devices that were not seen for so long, and keeps those that were",
    inWorld((world) =>
      Effect.gen(function* () {
        const { ens, user } = yield* twoDevices(world)
        yield* world.advance(AGE)
        yield* world.storage.saveSeen(user, "tablet", world.clock.now)
        yield* world.advance(1)
        expect(yield* cleared(world, ens, { devices: AGE })).toEqual([
          "retention removed 1 devices that were not seen any more, 0 lost users, 0 dead letters, 0 histories and 0 audit records"
        ])
        expect(yield* tokensOf(world, user)).toEqual(["tablet"])
      })
    )
  )

  it.scopedLive(
    "keeps a device to the last millisecond",
    inWorld((world) =>
      Effect.gen(function* () {
        const { ens, user } = yield* twoDevices(world)
        yield* world.advance(AGE)
        yield* cleared(world, ens, { devices: AGE })
        expect(yield* tokensOf(world, user)).toEqual(["phone", "tablet"])
      })
    )
  )

  it.scopedLive(
    "does all that an unregister does: with the last device the user goes, and the callback URL opens nothing",
    inWorld((world) =>
      Effect.gen(function* () {
        const { ens, user } = yield* twoDevices(world)
        yield* world.advance(AGE + 1)
        yield* cleared(world, ens, { devices: AGE })
        expect(yield* isKnown(world, user)).toBe(false)
        expect(yield* world.storage.subscription(user)).toEqual(Option.none())
        expect((yield* ens.heartbeat(ANN)).reply).toBe("Unknown")
      })
    )
  )

  it.scopedLive(
    "keeps a device that is seen again between the search and its turn",
    inWorld((world) =>
      Effect.gen(function* () {
        const { ens, user } = yield* twoDevices(world)
        yield* world.advance(AGE + 1)
        const clearing = yield* started(world, ens, { devices: AGE })
        yield* world.settled
        // The phone is gone; the next removal waits for its turn.
        expect(yield* tokensOf(world, user)).toEqual(["tablet"])
        yield* world.storage.saveSeen(user, "tablet", world.clock.now)
        yield* world.advance(1_000, 50)
        yield* Fiber.join(clearing.fiber)
        expect(yield* tokensOf(world, user)).toEqual(["tablet"])
      })
    )
  )

  it.scopedLive(
    "keeps a device whose registration is under way",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        const user = yield* world.user(ANN)
        yield* ens.registered(ANN, { token: "phone" })
        yield* world.advance(AGE + 1)
        yield* world.ews.hold("subscribe")
        const registering = ens.register(ANN, { token: "phone", force: true })
        const clearing = yield* started(world, ens, { devices: AGE })
        yield* world.settled
        yield* world.ews.release("subscribe")
        yield* world.advance(1_000, 50)
        yield* Fiber.join(clearing.fiber)
        expect(registering.reply).toMatchObject({ code: "UserSubscribed" })
        expect(yield* tokensOf(world, user)).toEqual(["phone"])
      })
    )
  )

  it.scopedLive(
    "removes at most 20 devices a second",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        const user = yield* world.user(ANN)
        for (let i = 0; i < 20; i++) yield* ens.registered(ANN, { token: `phone ${i}` })
        yield* world.advance(AGE + 1)
        yield* started(world, ens, { devices: AGE })
        yield* world.advance(500, 50)
        expect((yield* tokensOf(world, user)).length).toBeGreaterThanOrEqual(9)
        yield* world.advance(500, 50)
        expect(yield* tokensOf(world, user)).toEqual([])
      })
    )
  )

  it.scopedLive(
    "removes users whose subscription has been lost for so long, however many devices they have",
    inWorld((world) =>
      Effect.gen(function* () {
        const ann = yield* lostUser(world)
        yield* world.advance(1)
        const bob = yield* lostUser(world, BOB, ["bob's"])
        yield* world.advance(AGE)
        const ens = yield* world.start
        expect(yield* cleared(world, ens, { lost: AGE })).toEqual([
          "retention removed 0 devices that were not seen any more, 1 lost users, 0 dead letters, 0 histories and 0 audit records"
        ])
        expect(yield* isKnown(world, ann)).toBe(false)
        expect(yield* isKnown(world, bob)).toBe(true)
      })
    )
  )

  it.scopedLive(
    "removes a lost user without any device",
    inWorld((world) =>
      Effect.gen(function* () {
        const user = yield* lostUser(world, ANN, ["phone"])
        const [device] = yield* world.storage.devices(user)
        yield* world.storage.deleteDevice(user, device!)
        yield* world.advance(AGE + 1)
        yield* cleared(world, yield* world.start, { lost: AGE })
        expect(yield* isKnown(world, user)).toBe(false)
      })
    )
  )

  it.scopedLive(
    "keeps a lost user who comes back meanwhile, with all devices",
    inWorld((world) =>
      Effect.gen(function* () {
        const user = yield* lostUser(world)
        yield* world.advance(AGE + 1)
        const ens = yield* world.start
        yield* world.ews.hold("subscribe")
        const registering = ens.register(ANN, { token: "new" })
        const clearing = yield* started(world, ens, { lost: AGE })
        yield* world.settled
        yield* world.ews.release("subscribe")
        yield* world.advance(1_000, 50)
        yield* Fiber.join(clearing.fiber)
        expect(registering.reply).toMatchObject({ code: "UserSubscribed" })
        expect(yield* tokensOf(world, user)).toEqual(["phone", "tablet", "new"])
      })
    )
  )

  it.scopedLive(
    "drops dead letters that are older",
    inWorld((world) =>
      Effect.gen(function* () {
        const { ens, user } = yield* twoDevices(world)
        const letter = (digest: string) =>
          world.storage.addDeadLetter({ user, digest, reason: "Error", at: world.clock.now })
        yield* letter("old")
        yield* world.advance(1)
        yield* letter("young")
        yield* world.advance(AGE)
        yield* cleared(world, ens, { events: AGE })
        expect((yield* world.storage.deadLetters(user)).map(({ digest }) => digest)).toEqual(["young"])
      })
    )
  )

  it.scopedLive(
    "drops histories whose last event is older, and audit records after 400 days whatever the settings",
    inWorld((world) =>
      Effect.gen(function* () {
        const { ens, user } = yield* twoDevices(world)
        const bob = yield* world.user(BOB)
        const audit = (target: string) =>
          world.storage.addAudit({
            at: world.clock.now,
            actor: "cli:root",
            action: "token.create",
            target,
            outcome: "success"
          })
        const history = (of: UserNumber) =>
          world.storage.saveHistories([{ user: of, lastAt: world.clock.now, events: new Uint8Array() }])
        yield* audit("old")
        yield* world.advance(1)
        yield* audit("young")
        yield* world.advance(400 * 24 * 60 * MINUTE, 400 * 24 * 60 * MINUTE)
        expect(yield* cleared(world, ens, {})).toEqual([
          "retention removed 0 devices that were not seen any more, 0 lost users, 0 dead letters, 0 histories and 1 audit records"
        ])
        expect((yield* world.storage.audits(9)).map(({ target }) => target)).toEqual(["young"])
        // Nobody writes anything else.
        yield* ens.stop
        yield* history(user)
        yield* world.advance(1)
        yield* history(bob)
        yield* world.advance(AGE - 10_000)
        yield* cleared(world, ens, { events: AGE - 10_000 })
        expect((yield* world.storage.histories([user, bob])).map((row) => row.user)).toEqual([bob])
      })
    )
  )

  it.scopedLive(
    "does nothing where it is switched off",
    inWorld((world) =>
      Effect.gen(function* () {
        const ann = yield* lostUser(world)
        yield* world.storage.addDeadLetter({ user: ann, digest: "d", reason: "Error", at: 0 })
        yield* world.advance(400 * 24 * 60 * MINUTE, 400 * 24 * 60 * MINUTE)
        yield* cleared(world, yield* world.start, {})
        expect(yield* tokensOf(world, ann)).toEqual(["phone", "tablet"])
        expect(yield* world.storage.deadLetters(ann)).toHaveLength(1)
      })
    )
  )

  it.scopedLive(
    "leaves for tomorrow what storage refuses, and goes on with the rest",
    inWorld((world) =>
      Effect.gen(function* () {
        const { ens, user } = yield* twoDevices(world)
        yield* world.advance(AGE + 1)
        world.faults.failNext("deleteDevice")
        expect(yield* cleared(world, ens, { devices: AGE })).toEqual([
          "retention removed 1 devices that were not seen any more, 0 lost users, 0 dead letters, 0 histories and 0 audit records; 1 could not be removed now and are left for tomorrow"
        ])
        expect(yield* tokensOf(world, user)).toHaveLength(1)
        yield* cleared(world, ens, { devices: AGE })
        expect(yield* isKnown(world, user)).toBe(false)
      })
    )
  )

  it.scopedLive(
    "tries a search again for some minutes, and a rule that fails leaves the others alone",
    inWorld((world) =>
      Effect.gen(function* () {
        const { ens, user } = yield* twoDevices(world)
        const bob = yield* world.user(BOB)
        yield* world.storage.addDeadLetter({ user: bob, digest: "d", reason: "Error", at: 0 })
        yield* world.advance(AGE + 1)
        world.faults.failNext("staleDevices", 2)
        world.faults.failNext("lostUsers", 100)
        const clearing = yield* started(world, ens, { devices: AGE, lost: AGE, events: AGE })
        yield* world.advance(20 * MINUTE)
        yield* Fiber.join(clearing.fiber)
        expect(clearing.lines.filter(({ level }) => level === "WARN")).toHaveLength(1)
        expect(yield* isKnown(world, user)).toBe(false)
        expect(clearing.lines.at(-1)?.text).toMatch(
          /removed 2 devices.*, 1 dead letters, 0 histories and 0 audit records$/
        )
      })
    )
  )

  /** A day's round of one process; answers what it logs. */
  const rounds = (world: World, ens: Process, retain: Partial<SettingsShape["retain"]>) =>
    Effect.map(Retention.make, (clearUp) =>
      Effect.gen(function* () {
        const { fiber, lines } = yield* started(world, ens, retain, clearUp)
        yield* world.advance(2_000, 50)
        yield* Fiber.join(fiber)
        return lines.filter(({ level }) => level === "WARN").map(({ text }) => text)
      })
    )

  it.scopedLive(
    "removes nobody when the clock is set forward by years",
    inWorld((world) =>
      Effect.gen(function* () {
        const { ens, user } = yield* twoDevices(world)
        world.clock.wallOffset = 2 * YEAR
        yield* cleared(world, ens, { devices: YEAR })
        expect(yield* tokensOf(world, user)).toEqual(["phone", "tablet"])
      })
    )
  )

  it.scopedLive(
    "removes nobody when it starts with a clock that is ahead by years, and warns; set right, all is as before",
    inWorld((world) =>
      Effect.gen(function* () {
        const { ens: before, user } = yield* twoDevices(world)
        yield* before.stop
        const lost = yield* lostUser(world, BOB, ["bob's"])
        yield* world.advance(2 * YEAR, 2 * YEAR)
        const ens = yield* world.start
        const day = yield* rounds(world, ens, { devices: YEAR, lost: YEAR })
        expect(yield* day).toEqual([
          expect.stringContaining("retention has left 3 of 3 devices alone"),
          expect.stringContaining("retention has left 1 of 2 users alone")
        ])
        expect(yield* tokensOf(world, user)).toEqual(["phone", "tablet"])
        expect(yield* isKnown(world, lost)).toBe(true)
        world.clock.wallOffset = -2 * YEAR
        expect(yield* day).toEqual([])
        expect(yield* tokensOf(world, user)).toEqual(["phone", "tablet"])
      })
    )
  )

  it.scopedLive(
    "removes even all when it has warned for a week",
    inWorld((world) =>
      Effect.gen(function* () {
        const { ens, user } = yield* twoDevices(world)
        const day = yield* rounds(world, ens, { devices: AGE })
        yield* world.advance(AGE + 1)
        for (const left of [
          "in 7 days",
          "in 6 days",
          "in 5 days",
          "in 4 days",
          "in 3 days",
          "in 2 days",
          "tomorrow"
        ])
          expect(yield* day).toEqual([expect.stringContaining(`they will be removed ${left},`)])
        expect(yield* tokensOf(world, user)).toEqual(["phone", "tablet"])
        expect(yield* day).toEqual([])
        expect(yield* isKnown(world, user)).toBe(false)
      })
    )
  )

  it.scopedLive(
    "counts the week anew when the clock was right on a day between",
    inWorld((world) =>
      Effect.gen(function* () {
        const { ens } = yield* twoDevices(world)
        const day = yield* rounds(world, ens, { devices: AGE })
        yield* world.advance(AGE + 1)
        yield* day
        world.clock.wallOffset = -AGE
        expect(yield* day).toEqual([])
        world.clock.wallOffset = 0
        expect(yield* day).toEqual([expect.stringContaining("in 7 days")])
      })
    )
  )

  it.scopedLive(
    "removes a tenth of all at once",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        const user = yield* world.user(ANN)
        yield* ens.registered(ANN, { token: "old" })
        yield* world.advance(AGE + 1)
        for (let i = 1; i < 10; i++) yield* ens.registered(ANN, { token: `phone ${i}` })
        expect(yield* yield* rounds(world, ens, { devices: AGE })).toEqual([])
        expect(yield* tokensOf(world, user)).not.toContain("old")
      })
    )
  )
})
