import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import type { ItemId } from "../../schemas/Ids.ts"
import type { SettingsShape } from "../../schemas/Settings.ts"
import { events, inWorld, MINUTE, type World } from "../support/ActorFixture.ts"
import { faults, inboxIdOf } from "../support/FakeEws.ts"

const ANN = "ann@example.com"
const named = (name: string) => ({ token: name, device: { deviceId: `id of ${name}` } })

/** Two phones behind a Secure Email Gateway. */
const ready = (world: World) =>
  Effect.gen(function* () {
    world.places.seg = true
    const ens = yield* world.start
    yield* world.user(ANN)
    yield* ens.registered(ANN, named("phone"))
    yield* ens.registered(ANN, named("tablet"))
    yield* ens.heartbeat(ANN)
    return ens
  })

const asked = (world: World) =>
  Effect.map(world.ews.calls, (calls) =>
    calls.filter(({ operation }) => operation === "mails").map(({ account }) => account.devices)
  )

const perUser: Partial<SettingsShape> = { segCheck: "user" }

describe("behind a Secure Email Gateway, a mail", () => {
  it.scopedLive(
    "is asked for once for each device, with one log-in that may fail",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* ens.mail(ANN, { sender: "Bob", subject: "Hi" })
        expect(yield* asked(world)).toEqual([["id of phone"], ["id of tablet"]])
        expect(yield* world.titles("phone")).toEqual(["Bob · Hi"])
        expect(yield* world.titles("tablet")).toEqual(["Bob · Hi"])
        yield* world.ews.failNext("mails", faults.unauthorized())
        yield* ens.mail(ANN)
        expect(yield* asked(world)).toHaveLength(3)
        expect(yield* ens.status(ANN)).toMatchObject({ state: "CredentialsRejected" })
      })
    )
  )

  it.scopedLive(
    "that is not there, or not to be told of, is asked for in the name of one device",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        // As somebody can make up who has got hold of the callback URL.
        const invented = events.newMail(ANN, "invented" as ItemId, world.clock.now)
        expect((yield* ens.callback(ANN, [invented])).reply).toBe("Ok")
        expect(yield* asked(world)).toEqual([["id of phone"]])
        const { events: archived } = yield* world.arrive(ANN, { folder: inboxIdOf("archive") })
        yield* ens.callback(ANN, archived.slice(0, 2))
        const { events: read } = yield* world.arrive(ANN, { isRead: true })
        yield* ens.callback(ANN, read)
        expect(yield* asked(world)).toEqual([["id of phone"], ["id of phone"], ["id of phone"]])
      })
    )
  )

  it.scopedLive(
    "reaches only devices that pass, and the others again as soon as they pass",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.ews.block("id of phone")
        expect((yield* ens.mail(ANN, { sender: "Bob", subject: "one" })).reply).toBe("Ok")
        expect(yield* world.titles("phone")).toEqual([])
        expect(yield* world.titles("tablet")).toEqual(["Bob · one"])
        expect(yield* ens.status(ANN, "phone")).toMatchObject({
          code: "UserRecordPresentNotSubscribed",
          state: "Blocked"
        })
        expect(yield* ens.status(ANN, "tablet")).toMatchObject({ code: "UserAlreadySubscribed" })
        yield* world.ews.pass("id of phone")
        yield* ens.mail(ANN, { sender: "Bob", subject: "two" })
        expect(yield* world.titles("phone")).toEqual(["Bob · two"])
        expect(yield* world.titles("tablet")).toEqual(["Bob · one", "Bob · two"])
        expect(yield* ens.status(ANN, "phone")).toMatchObject({ code: "UserAlreadySubscribed" })
      })
    )
  )

  it.scopedLive(
    "that the devices were blocked for is settled for them, and not sent when it is repeated",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.ews.block("id of phone")
        const mail = yield* ens.mail(ANN)
        yield* world.ews.pass("id of phone")
        expect((yield* ens.callback(ANN, mail.arrived.events)).reply).toBe("Ok")
        expect(yield* world.push.received("phone")).toEqual([])
        expect(yield* world.push.received("tablet")).toHaveLength(1)
      })
    )
  )

  it.scopedLive(
    "reaches nobody if no device passes; the subscription is Blocked and stays in force",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.ews.block("id of phone")
        yield* world.ews.block("id of tablet", 400)
        expect((yield* ens.mail(ANN)).reply).toBe("Ok")
        expect(yield* ens.status(ANN)).toMatchObject({
          code: "UserRecordPresentNotSubscribed",
          state: "Blocked"
        })
        const old = yield* world.push.counters
        // Also while nothing is asked, and after a start.
        const hurried = yield* world.arrive(ANN)
        yield* ens.callback(ANN, hurried.events, { hurried: true })
        yield* ens.stop
        const again = yield* world.start
        const blind = yield* world.arrive(ANN)
        expect((yield* again.callback(ANN, blind.events, { hurried: true })).reply).toBe("Ok")
        expect((yield* world.push.counters).calls).toBe(old.calls)
        expect((yield* again.heartbeat(ANN)).reply).toBe("Ok")
        expect(yield* again.status(ANN, "phone")).toMatchObject({ state: "Blocked" })
        yield* world.ews.pass("id of tablet")
        yield* again.mail(ANN, { sender: "Bob", subject: "back" })
        expect(yield* world.titles("tablet")).toEqual(["Bob · back"])
        expect(yield* world.titles("phone")).toEqual([])
        expect(yield* again.status(ANN, "tablet")).toMatchObject({ state: "Active" })
        expect(world.logged("WARN").join()).toContain("the Secure Email Gateway lets no device pass")
      })
    )
  )

  it.scopedLive(
    "goes by what is remembered while the gateway or Exchange does not answer",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.ews.block("id of phone")
        yield* ens.mail(ANN, { sender: "Bob", subject: "one" })
        yield* world.ews.failNext("mails", faults.busy(), { times: 20 })
        const mail = yield* ens.mail(ANN)
        yield* world.advance(5_000)
        expect(mail.reply).toBe("Ok")
        expect(yield* world.titles("phone")).toEqual([])
        expect(yield* world.titles("tablet")).toEqual(["Bob · one", "New message"])
      })
    )
  )

  it.scopedLive(
    "takes what waits in the outbox away from a device that does not pass any more",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.push.down("iOS")
        yield* ens.mail(ANN)
        yield* world.ews.block("id of phone")
        yield* ens.mail(ANN)
        yield* world.push.up("iOS")
        yield* world.advance(40_000)
        expect(yield* world.push.shown("phone")).toEqual([])
        expect(yield* world.push.shown("tablet")).toHaveLength(2)
        expect(yield* world.storage.outboxSize).toMatchObject({ entries: 0 })
      })
    )
  )

  it.scopedLive(
    "that is read elsewhere takes the new number to the passing devices, asked for with one of them",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.ews.block("id of phone")
        const { arrived } = yield* ens.mail(ANN)
        yield* world.advance(10_000)
        yield* world.ews.markRead(ANN, arrived.item)
        yield* world.push.clear
        const calls = yield* world.ews.count()
        yield* ens.callback(ANN, [events.folder(inboxIdOf(ANN), undefined)])
        expect((yield* world.ews.calls).slice(calls).map(({ account }) => account.devices)).toEqual([
          ["id of tablet"]
        ])
        expect(yield* world.push.received("phone")).toEqual([])
        expect((yield* world.push.received("tablet")).map(({ kind }) => kind)).toEqual(["badge"])
      })
    )
  )

  it.scopedLive(
    "has every device asked for by the Inbox alone where they show nothing but the number",
    inWorld((world) =>
      Effect.gen(function* () {
        world.places.seg = true
        const ens = yield* world.start
        yield* world.user(ANN)
        for (const name of ["phone", "tablet"]) {
          yield* ens.registered(ANN, { token: name, device: { deviceId: `id of ${name}`, policy: 4 } })
        }
        for (const name of ["phone", "tablet"]) yield* world.ews.block(`id of ${name}`)
        yield* world.advance(1_000)
        yield* ens.mail(ANN)
        expect(yield* ens.status(ANN)).toMatchObject({ state: "Blocked" })
        for (const name of ["phone", "tablet"]) yield* world.ews.pass(`id of ${name}`)
        yield* world.advance(1_000)
        yield* ens.mail(ANN)
        expect(yield* ens.status(ANN)).toMatchObject({ state: "Active" })
        expect(yield* asked(world)).toEqual([])
        expect((yield* world.push.received("phone")).at(-1)?.payload).toMatchObject({ aps: { badge: 2 } })
      })
    )
  )

  it.scopedLive(
    "is asked for with all devices at once if the gateway looks at users",
    inWorld(
      (world) =>
        Effect.gen(function* () {
          const ens = yield* ready(world)
          yield* ens.mail(ANN, { sender: "Bob", subject: "Hi" })
          expect(yield* asked(world)).toEqual([["id of phone", "id of tablet"]])
          yield* world.ews.block("id of phone")
          yield* ens.mail(ANN)
          expect(yield* world.titles("tablet")).toEqual(["Bob · Hi"])
          expect(yield* ens.status(ANN)).toMatchObject({ state: "Blocked" })
        }),
      perUser
    )
  )
})

describe("behind a Secure Email Gateway, a subscription", () => {
  it.scopedLive(
    "is not made for a device that does not pass, and the device learns why (14)",
    inWorld((world) =>
      Effect.gen(function* () {
        world.places.seg = true
        const ens = yield* world.start
        const user = yield* world.user(ANN)
        yield* world.ews.block("id of phone")
        expect(yield* ens.registered(ANN, named("phone"))).toMatchObject({
          code: "SubscribeAgain",
          message: expect.stringContaining(
            "the Secure Email Gateway exchange.test does not let this device pass"
          ),
          retryAfterSeconds: 900
        })
        expect(yield* world.storage.devices(user)).toEqual([])
        expect(Option.isNone(yield* world.storage.subscription(user))).toBe(true)
        yield* ens.registered(ANN, named("tablet"))
        expect(yield* ens.registered(ANN, named("phone"))).toMatchObject({ code: "SubscribeAgain" })
        expect(yield* world.storage.devices(user)).toHaveLength(1)
      })
    )
  )

  it.scopedLive(
    "needs the device's UEM id (32)",
    inWorld((world) =>
      Effect.gen(function* () {
        world.places.seg = true
        const ens = yield* world.start
        yield* world.user(ANN)
        expect(yield* ens.registered(ANN)).toMatchObject({
          code: "Failed",
          message: expect.stringContaining("deviceId")
        })
        expect(yield* world.ews.count()).toBe(0)
      })
    )
  )

  it.scopedLive(
    "that is Blocked is made anew by a registration, and overdue when it falls silent",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        for (const name of ["phone", "tablet"]) yield* world.ews.block(`id of ${name}`)
        yield* ens.mail(ANN)
        yield* world.ews.pass("id of phone")
        expect(yield* ens.registered(ANN, named("phone"))).toMatchObject({ code: "UserSubscribed" })
        expect(yield* ens.status(ANN, "phone")).toMatchObject({ code: "UserAlreadySubscribed" })
        yield* world.ews.block("id of phone")
        yield* ens.mail(ANN)
        expect(yield* ens.status(ANN)).toMatchObject({ state: "Blocked" })
        yield* world.advance(31 * MINUTE, MINUTE)
        expect(yield* ens.status(ANN)).toMatchObject({ state: "Overdue" })
      })
    )
  )

  it.scopedLive(
    "is passed again by a device that has just registered",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.ews.block("id of phone")
        yield* ens.mail(ANN)
        expect(yield* ens.status(ANN, "phone")).toMatchObject({ state: "Blocked" })
        yield* world.ews.pass("id of phone")
        expect(yield* ens.registered(ANN, named("phone"))).toMatchObject({ code: "Success" })
        expect(yield* ens.status(ANN, "phone")).toMatchObject({ code: "UserAlreadySubscribed" })
      })
    )
  )

  it.scopedLive(
    "that another device has made anew keeps what was missed from one that does not pass",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.ews.block("id of phone")
        yield* ens.mail(ANN, { sender: "Bob", subject: "one" })
        yield* world.advance(40 * MINUTE, MINUTE)
        yield* world.push.clear
        yield* world.arrive(ANN, { sender: "Bob", subject: "missed" })
        expect(yield* ens.registered(ANN, named("tablet"))).toMatchObject({ code: "UserSubscribed" })
        yield* world.settled
        expect(yield* world.titles("tablet")).toEqual(["Bob · missed"])
        expect(yield* world.titles("phone")).toEqual([])
        expect(yield* ens.status(ANN, "phone")).toMatchObject({ state: "Blocked" })
        expect(yield* ens.status(ANN, "tablet")).toMatchObject({ code: "UserAlreadySubscribed" })
      })
    )
  )

  it.scopedLive(
    "that is renewed by itself keeps what was missed from a device that does not pass",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.ews.block("id of phone")
        yield* ens.mail(ANN, { sender: "Bob", subject: "one" })
        yield* world.ews.forgetWatermarks
        yield* world.advance(10_000)
        yield* world.arrive(ANN, { sender: "Bob", subject: "missed" })
        yield* ens.callback(ANN, [], { errorCode: "ErrorReadEventsFailed" })
        yield* world.settled
        expect(yield* world.titles("tablet")).toEqual(["Bob · one", "Bob · missed"])
        expect(yield* world.titles("phone")).toEqual([])
        expect(yield* ens.status(ANN, "phone")).toMatchObject({ state: "Blocked" })
      })
    )
  )

  it.scopedLive(
    "that is renewed by itself lets the device pass in whose name that was done",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        for (const name of ["phone", "tablet"]) yield* world.ews.block(`id of ${name}`)
        yield* ens.mail(ANN)
        yield* world.ews.pass("id of phone")
        yield* ens.callback(ANN, [], { errorCode: "ErrorReadEventsFailed" })
        yield* world.settled
        expect(yield* ens.status(ANN, "phone")).toMatchObject({ code: "UserAlreadySubscribed" })
        expect(yield* ens.status(ANN, "tablet")).toMatchObject({ state: "Blocked" })
      })
    )
  )

  it.scopedLive(
    "that broke is renewed in the name of a device that passes",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.ews.block("id of phone")
        yield* ens.mail(ANN)
        yield* ens.callback(ANN, [], { errorCode: "ErrorReadEventsFailed" })
        yield* world.settled
        expect(yield* world.ews.lastAccount).toMatchObject({ devices: ["id of tablet"] })
        expect(yield* ens.status(ANN)).toMatchObject({ state: "Unconfirmed" })
      })
    )
  )
})
