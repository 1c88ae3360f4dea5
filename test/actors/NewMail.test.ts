import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Policy } from "../../schemas/Push.ts"
import { events, inWorld, MINUTE, type World } from "../support/ActorFixture.ts"
import { faults, inboxIdOf } from "../support/FakeEws.ts"

const ANN = "ann@example.com"
const INBOX = inboxIdOf(ANN)

/** One process, and a user with an iPhone. */
const ready = (world: World) =>
  Effect.gen(function* () {
    const ens = yield* world.start
    yield* world.user(ANN)
    yield* ens.registered(ANN)
    return ens
  })

const payloads = (world: World, token: string) =>
  Effect.map(world.push.received(token), (all) => all.map(({ payload }) => payload))

/** Badges that reached the phone. */
const badges = (world: World, token = "phone") =>
  Effect.map(payloads(world, token), (all) => all.map(({ aps }) => (aps as { badge?: number }).badge))

describe("a new mail", () => {
  it.scopedLive(
    "notifies every device by its own policy, once",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        const policies: ReadonlyArray<Policy> = [0, 1, 2, 3, 4]
        for (const policy of policies) {
          for (const platform of ["iOS", "Android"] as const) {
            yield* ens.registered(ANN, { token: `${platform}-${policy}`, device: { platform, policy } })
          }
        }
        const mail = yield* ens.mail(ANN, { sender: "Bob", subject: "Lunch", preview: "At noon?" })
        expect(mail.reply).toBe("Ok")
        const texts = ["Bob · Lunch · At noon?", "Bob · Lunch", "Bob", "New message"]
        for (const policy of [0, 1, 2, 3] as const) {
          expect(yield* world.titles(`iOS-${policy}`)).toEqual([texts[policy]])
          expect(yield* world.titles(`Android-${policy}`)).toEqual([texts[policy]])
        }
        expect((yield* world.push.received("iOS-4")).map(({ kind }) => kind)).toEqual(["badge"])
        expect(yield* world.push.received("Android-4")).toEqual([])
      })
    )
  )

  it.scopedLive(
    "is asked of Exchange only as far as some device may show it",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        const shapes = []
        for (const policy of [4, 3, 2, 1, 0] as const) {
          yield* ens.registered(ANN, { token: `phone-${policy}`, device: { policy } })
          yield* ens.mail(ANN)
          shapes.push((yield* world.ews.calls).findLast(({ operation }) => operation === "mails")?.shape)
        }
        expect(shapes).toEqual([
          undefined,
          { sender: false, subject: false, preview: false },
          { sender: true, subject: false, preview: false },
          { sender: true, subject: true, preview: false },
          { sender: true, subject: true, preview: true }
        ])
      })
    )
  )

  it.scopedLive(
    "follows the floor that the operator set",
    inWorld(
      (world) =>
        Effect.gen(function* () {
          const ens = yield* ready(world)
          yield* ens.mail(ANN, { sender: "Bob", subject: "secret" })
          expect(yield* world.titles("phone")).toEqual(["New message"])
          expect((yield* world.ews.calls).at(-1)?.shape).toMatchObject({ sender: false, subject: false })
        }),
      { minPolicy: 3 }
    )
  )

  it.scopedLive(
    "costs one GetItem for all mails of a callback, and one notification each",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        const arrivals = yield* Effect.forEach([1, 2, 3], (n) => world.arrive(ANN, { subject: `mail ${n}` }))
        yield* ens.callback(
          ANN,
          arrivals.flatMap((one) => one.events)
        )
        expect(yield* world.ews.count("mails")).toBe(1)
        expect(yield* world.titles("phone")).toEqual([1, 2, 3].map((n) => `Ada Lovelace · mail ${n}`))
        expect(new Set((yield* world.push.received("phone")).map(({ id }) => id)).size).toBe(3)
      })
    )
  )

  it.scopedLive(
    "that Exchange reports again notifies nobody twice, also in another callback",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        const { arrived } = yield* ens.mail(ANN)
        const [created, newMail] = arrived.events
        if (created === undefined || newMail === undefined) throw new Error("no events")
        for (const again of [arrived.events, [created], [newMail], [newMail, events.status()]]) {
          const pending = yield* ens.callback(ANN, again)
          yield* world.advance(3_100)
          expect(pending.reply).toBe("Ok")
        }
        const other = yield* ens.mail(ANN)
        expect(other.reply).toBe("Ok")
        expect(yield* world.push.received("phone")).toHaveLength(2)
        expect(yield* world.ews.count("mails")).toBe(2)
      })
    )
  )

  it.scopedLive(
    "known by a CreatedEvent alone is announced if it was received less than 15 minutes ago",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        const now = world.clock.now
        const fresh = yield* world.arrive(ANN, { subject: "fresh", receivedAt: now - 14 * MINUTE })
        const stale = yield* world.arrive(ANN, { subject: "stale", receivedAt: now - 16 * MINUTE })
        const list = [fresh, stale].flatMap(({ item }) => [events.created(ANN, item, now)])
        expect((yield* ens.callback(ANN, [...list, events.folder(INBOX, 2)])).reply).toBe("Ok")
        expect(yield* world.titles("phone")).toEqual(["Ada Lovelace · fresh"])
        // The same one with a NewMailEvent was delivered, however long ago.
        const late = yield* world.arrive(ANN, { subject: "late", receivedAt: now - 60 * MINUTE })
        yield* ens.callback(ANN, late.events)
        expect((yield* world.titles("phone")).at(-1)).toBe("Ada Lovelace · late")
      })
    )
  )

  it.scopedLive(
    "whose events Exchange cuts in two is announced, however late they come: the CreatedEvent settles nothing",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        const late = yield* world.arrive(ANN, { subject: "late", receivedAt: world.clock.now - 20 * MINUTE })
        const [created, newMail, folder] = late.events
        if (created === undefined || newMail === undefined || folder === undefined)
          throw new Error("no events")
        expect((yield* ens.callback(ANN, [created])).reply).toBe("Ok")
        expect(yield* world.titles("phone")).toEqual([])
        // It is known from then on: a repeat asks Exchange nothing, and is no mail either.
        const asked = yield* world.ews.count("mails")
        const repeat = yield* ens.callback(ANN, [created, events.status()])
        yield* world.advance(3_100)
        expect(repeat.reply).toBe("Ok")
        expect(yield* world.ews.count("mails")).toBe(asked)
        expect((yield* ens.callback(ANN, [newMail, folder])).reply).toBe("Ok")
        expect((yield* world.titles("phone")).at(-1)).toBe("Ada Lovelace · late")
      })
    )
  )

  it.scopedLive(
    "that was read, moved or deleted meanwhile is not announced",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        const read = yield* world.arrive(ANN)
        yield* world.ews.markRead(ANN, read.item)
        expect((yield* ens.callback(ANN, read.events)).reply).toBe("Ok")
        const gone = yield* world.arrive(ANN)
        yield* world.ews.remove(ANN, gone.item)
        expect((yield* ens.callback(ANN, gone.events)).reply).toBe("Ok")
        const moved = yield* world.arrive(ANN)
        expect((yield* ens.callback(ANN, [...moved.events, events.moved(ANN, moved.item)])).reply).toBe("Ok")
        expect((yield* world.push.received("phone")).filter(({ kind }) => kind === "newMail")).toEqual([])
      })
    )
  )

  it.scopedLive(
    "goes out without details when Exchange refuses it, and never as an error to Exchange",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        for (const fault of [faults.busy(), faults.forbidden(), faults.unusable(), faults.unreachable()]) {
          yield* world.ews.failNext("mails", fault, { times: 4 })
          const mail = yield* ens.mail(ANN)
          yield* world.advance(5_000)
          expect(mail.reply).toBe("Ok")
          yield* world.ews.heal
        }
        expect(yield* world.titles("phone")).toEqual(Array.from({ length: 4 }, () => "New message"))
        expect(yield* ens.status(ANN)).toMatchObject({ state: "Active" })
      })
    )
  )

  it.scopedLive(
    "of a hurried callback goes out at once, without a question to Exchange",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        const calls = yield* world.ews.count()
        const { events: list } = yield* world.arrive(ANN)
        expect((yield* ens.callback(ANN, list, { hurried: true })).reply).toBe("Ok")
        expect(yield* world.titles("phone")).toEqual(["New message"])
        expect(yield* world.ews.count()).toBe(calls)
      })
    )
  )

  it.scopedLive(
    "is not kept from others by a dead token, which is removed, nor by a gateway's refusal",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        const user = yield* world.user(ANN)
        yield* ens.registered(ANN, { token: "dead" })
        yield* ens.registered(ANN, { token: "refused" })
        yield* world.push.setVerdict({ token: "dead" }, { _tag: "TokenDead", since: undefined })
        yield* world.push.setVerdict({ token: "refused" }, { _tag: "Rejected", reason: "test" })
        expect((yield* ens.mail(ANN)).reply).toBe("Ok")
        expect(yield* world.push.received("phone")).toHaveLength(1)
        expect((yield* world.storage.devices(user)).map(({ token }) => token)).toEqual(["phone", "refused"])
        expect((yield* world.storage.outboxSize).entries).toBe(0)
      })
    )
  )

  it.scopedLive(
    "leaves a token alone that was registered again after it died",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        const user = yield* world.user(ANN)
        yield* world.push.setVerdict({ token: "phone" }, { _tag: "TokenDead", since: world.clock.now - 1 })
        expect((yield* ens.mail(ANN)).reply).toBe("Ok")
        expect(yield* world.storage.devices(user)).toHaveLength(1)
      })
    )
  )
})

describe("the badge", () => {
  it.scopedLive(
    "goes to iOS devices alone, and only when it changed",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* ens.registered(ANN, { token: "android", device: { platform: "Android" } })
        const { arrived } = yield* ens.mail(ANN)
        yield* world.ews.markRead(ANN, arrived.item)
        const read = [events.modified(ANN, arrived.item), events.folder(INBOX, 0)]
        expect((yield* ens.callback(ANN, read)).reply).toBe("Ok")
        expect(yield* badges(world)).toEqual([1, 0])
        const again = [events.modified(ANN, arrived.item), events.folder(INBOX, 0)]
        expect((yield* ens.callback(ANN, again)).reply).toBe("Ok")
        expect(yield* badges(world)).toEqual([1, 0])
        expect(yield* world.push.received("android")).toHaveLength(1)
      })
    )
  )

  it.scopedLive(
    "of a device that gets no mails comes once for several, and not at all when the number is the same",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* ens.registered(ANN, { device: { policy: 4 } })
        const arrivals = yield* Effect.forEach([1, 2, 3], () => world.arrive(ANN))
        yield* ens.callback(
          ANN,
          arrivals.flatMap((one) => one.events)
        )
        expect(yield* badges(world)).toEqual([3])
        const [first] = arrivals
        if (first === undefined) throw new Error("no mail")
        yield* world.ews.markRead(ANN, first.item)
        const next = yield* world.arrive(ANN)
        expect((yield* ens.callback(ANN, next.events)).reply).toBe("Ok")
        expect(yield* badges(world)).toEqual([3])
      })
    )
  )

  it.scopedLive(
    "is taken from the event of the Inbox, never from that of a subfolder",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* ens.mail(ANN)
        const other = [events.folder(inboxIdOf("subfolder"), 99)]
        const pending = yield* ens.callback(ANN, other)
        yield* world.advance(3_100)
        expect(pending.reply).toBe("Ok")
        expect(yield* badges(world)).toEqual([1])
        expect((yield* ens.callback(ANN, [events.folder(INBOX, 7)])).reply).toBe("Ok")
        expect(yield* badges(world)).toEqual([1, 7])
      })
    )
  )

  it.scopedLive(
    "is asked for with GetFolder at most once in three seconds",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.advance(10_000)
        const { arrived } = yield* ens.mail(ANN)
        const before = yield* world.ews.count("inbox")
        const started = world.clock.now
        const replies = []
        for (let i = 0; i < 30; i++) {
          yield* world.ews.setUnread(ANN, i)
          replies.push(yield* ens.callback(ANN, [events.modified(ANN, arrived.item)]))
          yield* world.advance(500, 500)
        }
        yield* world.advance(6_000, 500)
        const allowed = Math.ceil((world.clock.now - started) / 3_000)
        const asked = (yield* world.ews.count("inbox")) - before
        expect(asked).toBeLessThanOrEqual(allowed)
        expect(asked).toBeGreaterThan(3)
        expect((yield* badges(world)).at(-1)).toBe(29)
        expect(replies.every(({ replies: times }) => times === 1)).toBe(true)
      })
    )
  )

  it.scopedLive(
    "does not hold up a mail that comes while it may not be asked for",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        const { arrived } = yield* ens.mail(ANN)
        yield* ens.callback(ANN, [events.modified(ANN, arrived.item)])
        const mail = yield* ens.mail(ANN, { sender: "Bob", subject: "now" })
        expect(mail.reply).toBe("Ok")
        expect((yield* world.titles("phone")).at(-1)).toBe("Bob · now")
      })
    )
  )

  it.scopedLive(
    "that Exchange sends along is confirmed now and then",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.advance(11 * MINUTE, MINUTE)
        yield* world.ews.setUnread(ANN, 5)
        expect((yield* ens.callback(ANN, [events.folder(INBOX, 3)])).reply).toBe("Ok")
        expect(yield* badges(world)).toEqual([5])
      })
    )
  )

  it.scopedLive(
    "is not asked for when nobody shows one",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* ens.registered(ANN, { device: { platform: "Android" } })
        yield* world.advance(MINUTE, MINUTE)
        const before = yield* world.ews.count("inbox")
        const { arrived } = yield* ens.mail(ANN)
        expect((yield* ens.callback(ANN, [events.deleted(ANN, arrived.item)])).reply).toBe("Ok")
        expect(yield* world.ews.count("inbox")).toBe(before)
        expect(yield* world.push.received("phone")).toHaveLength(1)
      })
    )
  )
})
