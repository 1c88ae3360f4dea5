import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { ItemId } from "../../schemas/Ids.ts"
import type { PushNotification } from "../../schemas/Push.ts"
import { DAY, events, HOUR, inWorld, MINUTE, type Process, type World } from "../support/ActorFixture.ts"
import { makeOwnership } from "../support/ScriptedOwnership.ts"
import { post, subscribe } from "../support/Subscribers.ts"

const ANN = "ann@example.com"
const BEN = "ben@example.com"
const SECOND = 1_000
const STANDBY = { _tag: "Unavailable", reason: "standby" }

/** Two nodes of one database, the first of them active, and a user there. */
const twoNodes = (world: World) =>
  Effect.gen(function* () {
    const nodes = { one: makeOwnership("active"), two: makeOwnership("standby") }
    const one = yield* world.startAs(nodes.one)
    const two = yield* world.startAs(nodes.two)
    yield* world.user(ANN)
    yield* one.registered(ANN)
    yield* one.heartbeat(ANN)
    yield* world.advance(20 * SECOND)
    return { nodes, one, two }
  })

const repeated = (
  ens: Process,
  address: string,
  arrived: { readonly events: Parameters<Process["callback"]>[1] }
) => Effect.map(ens.callback(address, arrived.events), ({ reply }) => reply)

const isReady = ({ subscriptions }: Process) => subscriptions.loaded()

/** What a notification tells of; a summary names up to ten. */
const itemsOf = ({ payload }: PushNotification): ReadonlyArray<string> => {
  const { messageId, messageIds } = (payload["ens"] ?? payload) as {
    readonly messageId?: string
    readonly messageIds?: string | ReadonlyArray<string>
  }
  const many = typeof messageIds === "string" ? (JSON.parse(messageIds) as ReadonlyArray<string>) : messageIds
  return messageId === undefined ? (many ?? []) : [messageId]
}

const complaints = (world: World) => [...world.logged("WARN"), ...world.logged("ERROR")]

describe("a standby", () => {
  it.scopedLive(
    "answers for nobody and reads nothing, and has everybody once it takes over",
    inWorld((world) =>
      Effect.gen(function* () {
        const { nodes, one, two } = yield* twoNodes(world)
        expect((yield* two.heartbeat(ANN)).reply).toMatchObject(STANDBY)
        expect(yield* two.subscriptions.count).toBe(0)
        expect(two.subscriptions.loaded()).toBe(false)
        nodes.one.become("standby")
        yield* world.advance(2 * SECOND)
        expect((yield* one.heartbeat(ANN)).reply).toMatchObject(STANDBY)
        expect(yield* one.subscriptions.count).toBe(0)
        nodes.two.become("active")
        yield* world.settled
        expect(two.subscriptions.loaded()).toBe(true)
        expect((yield* two.mail(ANN, { sender: "Bob", subject: "to the other" })).reply).toBe("Ok")
        expect(yield* world.titles("phone")).toEqual(["Bob · to the other"])
        expect(yield* world.ews.count("subscribe")).toBe(1)
      })
    )
  )

  it.scopedLive(
    "that becomes active again starts from storage, with nothing left over",
    inWorld((world) =>
      Effect.gen(function* () {
        const { nodes, one, two } = yield* twoNodes(world)
        const first = yield* one.mail(ANN, { sender: "Bob", subject: "first" })
        nodes.one.become("standby")
        yield* world.advance(2 * SECOND)
        nodes.two.become("active")
        yield* world.settled
        // The first node wrote nothing of it any more; the stable id replaces it on the phone.
        expect(yield* repeated(two, ANN, first.arrived)).toBe("Ok")
        yield* two.registered(ANN, { token: "new phone", force: true })
        yield* two.mail(ANN, { sender: "Bob", subject: "second" })
        yield* world.advance(20 * SECOND)
        nodes.two.become("standby")
        yield* world.advance(2 * SECOND)
        nodes.one.become("active")
        yield* world.settled
        expect(yield* one.status(ANN, "new phone")).toMatchObject({ state: "Active" })
        expect((yield* one.mail(ANN, { sender: "Bob", subject: "third" })).reply).toBe("Ok")
        expect(yield* world.titles("phone")).toEqual(["Bob · first", "Bob · second", "Bob · third"])
        expect(yield* world.titles("new phone")).toEqual(["Bob · second", "Bob · third"])
        expect(yield* world.ews.count("subscribe")).toBe(2)
      })
    )
  )
})

describe("a node that loses its tenure", () => {
  it.scopedLive(
    "with mails in hand leaves them to Exchange and the next node: none is lost, none comes twice",
    inWorld((world) =>
      Effect.gen(function* () {
        const { nodes, one, two } = yield* twoNodes(world)
        yield* world.ews.hold("mails")
        const inHand = yield* Effect.forEach([1, 2, 3], (n) =>
          one.mail(ANN, { sender: "Bob", subject: `mail ${n}` })
        )
        expect(inHand.map(({ reply }) => reply)).toEqual([undefined, undefined, undefined])
        nodes.one.become("standby")
        yield* world.advance(2 * SECOND, 100)
        for (const { replies, reply } of inHand) {
          expect(replies).toBe(1)
          expect(reply).toMatchObject({ _tag: "Unavailable" })
        }
        yield* world.ews.release("mails")
        yield* world.advance(10 * SECOND)
        expect(yield* world.push.received("phone")).toEqual([])
        nodes.two.become("active")
        yield* world.settled
        for (const { arrived } of inHand) {
          expect(yield* repeated(one, ANN, arrived)).toMatchObject(STANDBY)
          expect(yield* repeated(two, ANN, arrived)).toBe("Ok")
        }
        yield* world.advance(MINUTE)
        const ids = (yield* world.push.received("phone")).map(({ id }) => id)
        expect(ids).toHaveLength(3)
        expect(new Set(ids).size).toBe(3)
      })
    )
  )

  it.scopedLive(
    "with a registration in hand lets the device try again",
    inWorld((world) =>
      Effect.gen(function* () {
        const { nodes, one, two } = yield* twoNodes(world)
        yield* world.ews.hold("subscribe")
        const inHand = one.register(ANN, { force: true })
        yield* world.settled
        nodes.one.become("standby")
        yield* world.advance(2 * SECOND, 100)
        expect(inHand).toMatchObject({ reply: { _tag: "Unavailable" }, replies: 1 })
        yield* world.ews.release("subscribe")
        nodes.two.become("active")
        yield* world.settled
        expect(yield* two.registered(ANN, { force: true })).toMatchObject({ code: "UserSubscribed" })
        expect((yield* two.mail(ANN, { sender: "Bob", subject: "to the other" })).reply).toBe("Ok")
        expect(yield* world.titles("phone")).toEqual(["Bob · to the other"])
      })
    )
  )

  it.scopedLive(
    "and gets it back while mails come in all the time: none is lost, and nobody is subscribed again",
    inWorld((world) =>
      Effect.gen(function* () {
        const nodes = { one: makeOwnership("active"), two: makeOwnership("standby") }
        const one = yield* world.startAs(nodes.one)
        const two = yield* world.startAs(nodes.two)
        const all = yield* subscribe(world, one, 20)
        const changes: Readonly<Record<number, () => void>> = {
          20: () => nodes.one.seems("standby"),
          22: () => nodes.two.become("active"),
          23: () => nodes.one.become("standby"),
          40: () => nodes.two.become("standby"),
          45: () => nodes.one.become("active")
        }
        const open = new Map<string, () => { readonly reply: unknown }>()
        let pending = new Map<string, { readonly reply: unknown }>()
        for (let second = 0; second < 70; second++) {
          changes[second]?.()
          // As behind a load balancer: to whoever says that it is ready; else it is sent again.
          for (const to of second < 60 ? all : []) {
            const event = events.newMail(
              to.address,
              `mail ${second} of ${to.token}` as ItemId,
              world.clock.now
            )
            open.set(`${event.itemId}`, () => post([one, two].find(isReady) ?? one, to, [event]))
          }
          for (const [item, send] of open) if (!pending.has(item)) pending.set(item, send())
          yield* world.advance(SECOND, 100)
          for (const [item, { reply }] of pending) if (reply === "Ok") open.delete(item)
          pending = new Map([...pending].filter(([, { reply }]) => reply === undefined))
        }
        expect(open.size).toBe(0)
        for (const { token } of all) {
          const items = (yield* world.push.received(token)).flatMap(itemsOf)
          expect(new Set(items).size).toBe(60)
        }
        expect(yield* world.ews.count("subscribe")).toBe(20)
      })
    ),
    30_000
  )

  it.scopedLive(
    "writes nothing any more, does not wait for storage, and says nothing of each user",
    inWorld((world) =>
      Effect.gen(function* () {
        const { nodes, one } = yield* twoNodes(world)
        yield* world.user(BEN)
        yield* one.registered(BEN, { token: "other phone" })
        yield* world.advance(20 * SECOND)
        yield* one.mail(ANN)
        yield* one.heartbeat(BEN)
        const before = world.faults.totalCalls()
        const lines = complaints(world).length
        world.faults.delay(6 * SECOND)
        nodes.one.become("standby")
        yield* world.advance(2 * SECOND, 100)
        expect(yield* one.subscriptions.count).toBe(0)
        yield* world.advance(HOUR, MINUTE)
        expect(world.faults.totalCalls()).toBe(before)
        expect(nodes.one.refused).toEqual([])
        expect(complaints(world).slice(lines)).toEqual([])
      })
    )
  )

  it.scopedLive(
    "while it was cut off forgets what was still to be written",
    inWorld((world) =>
      Effect.gen(function* () {
        const { nodes, one, two } = yield* twoNodes(world)
        nodes.one.become("cut off")
        world.faults.down(true)
        for (let minute = 0; minute < 10; minute++) {
          expect((yield* one.heartbeat(ANN)).reply).toBe("Ok")
          yield* world.advance(MINUTE, 10 * SECOND)
        }
        // Its next question to the database tells that another node has taken over.
        nodes.one.become("standby")
        world.faults.down(false)
        const before = world.faults.calls("saveHot")
        yield* world.advance(MINUTE)
        expect(world.faults.calls("saveHot")).toBe(before)
        expect(nodes.one.refused).toEqual([])
        nodes.two.become("active")
        yield* world.settled
        expect((yield* one.heartbeat(ANN)).reply).toMatchObject(STANDBY)
        expect((yield* two.mail(ANN, { sender: "Bob", subject: "to the other" })).reply).toBe("Ok")
        expect(yield* world.titles("phone")).toEqual(["Bob · to the other"])
      })
    )
  )

  it.scopedLive(
    "asks nobody to register any more",
    inWorld((world) =>
      Effect.gen(function* () {
        const { nodes } = yield* twoNodes(world)
        yield* world.advance(29 * MINUTE, SECOND)
        nodes.one.become("standby")
        yield* world.advance(2 * DAY, 10 * MINUTE)
        expect(yield* world.push.received("phone")).toEqual([])
      })
    )
  )
})

describe("a process that stood still while another node took over", () => {
  it.scopedLive(
    "announces nothing of what it had in hand, and does not answer for it",
    inWorld((world) =>
      Effect.gen(function* () {
        const { nodes, one, two } = yield* twoNodes(world)
        yield* world.ews.hold("mails")
        const inHand = yield* one.mail(ANN, { sender: "Bob", subject: "in hand" })
        // It wakes up: the clock has gone on, and nobody has told its actors yet.
        nodes.one.seems("standby")
        nodes.two.become("active")
        yield* world.ews.release("mails")
        yield* world.advance(SECOND, 100)
        expect(yield* world.push.received("phone")).toEqual([])
        expect(yield* repeated(two, ANN, inHand.arrived)).toBe("Ok")
        nodes.one.become("standby")
        yield* world.advance(20 * SECOND, 100)
        expect(inHand.reply).not.toBe("Ok")
        expect(inHand.replies).toBe(1)
        expect(yield* world.titles("phone")).toEqual(["Bob · in hand"])
      })
    )
  )

  it.scopedLive(
    "subscribes nobody, and wakes no phone",
    inWorld((world) =>
      Effect.gen(function* () {
        const { nodes, one } = yield* twoNodes(world)
        yield* world.advance(29 * MINUTE, SECOND)
        nodes.one.seems("standby")
        const registration = one.register(ANN, { force: true })
        yield* world.advance(10 * MINUTE, SECOND)
        expect(registration.reply).toMatchObject({ code: "ErrorSubscribeOrUpdateDb" })
        expect(yield* world.ews.count("subscribe")).toBe(1)
        expect(yield* world.push.received("phone")).toEqual([])
      })
    )
  )
})

describe("a node that is cut off from its database", () => {
  it.scopedLive(
    "answers and announces what it can from memory, begins nothing, and goes on as before when it is active again",
    inWorld((world) =>
      Effect.gen(function* () {
        const { nodes, one } = yield* twoNodes(world)
        yield* world.user(BEN)
        yield* one.registered(BEN, { token: "other phone" })
        yield* one.mail(ANN, { sender: "Bob", subject: "before" })
        yield* world.push.down("iOS")
        yield* one.mail(BEN, { sender: "Bob", subject: "waits" })
        yield* world.advance(20 * SECOND)
        nodes.one.become("cut off")
        world.faults.down(true)
        yield* world.push.up("iOS")
        const sentBefore = (yield* world.push.received("phone")).length
        let beats = 0
        let mails = 0
        for (let minute = 0; minute < 60; minute++) {
          if ((yield* one.heartbeat(ANN)).reply === "Ok") beats++
          if ((yield* one.mail(ANN, { sender: "Bob", subject: `mail ${minute}` })).reply === "Ok") mails++
          yield* world.advance(MINUTE, 10 * SECOND)
        }
        expect([beats, mails]).toEqual([60, 60])
        const sent = (yield* world.push.received("phone")).slice(sentBefore)
        expect(sent.filter(({ kind }) => kind === "newMail")).toHaveLength(60)
        // Reachable again, but not yet known to be the only one.
        world.faults.down(false)
        expect(yield* one.registered(ANN, { force: true })).toMatchObject({
          code: "ErrorSubscribeOrUpdateDb"
        })
        yield* world.advance(MINUTE)
        // BEN has been silent for long, and something waits for his phone.
        expect(yield* world.push.received("other phone")).toEqual([])
        expect(world.faults.calls("saveNudged")).toBe(0)
        expect(yield* world.ews.count("subscribe")).toBe(2)

        nodes.one.become("active")
        yield* world.advance(2 * MINUTE, SECOND)
        expect(yield* world.titles("other phone")).toContain("New message")
        expect(yield* one.registered(ANN, { force: true })).toMatchObject({ code: "UserSubscribed" })
        expect((yield* world.push.received("other phone")).some(({ kind }) => kind === "resubscribe")).toBe(
          true
        )
      })
    )
  )
})
