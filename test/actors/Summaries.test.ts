import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Policy } from "../../schemas/Push.ts"
import { Verdict } from "../../schemas/Push.ts"
import { inWorld, MINUTE, type Process, type World } from "../support/ActorFixture.ts"

const ANN = "ann@example.com"

const ready = (world: World) =>
  Effect.gen(function* () {
    const ens = yield* world.start
    yield* world.user(ANN)
    yield* ens.registered(ANN)
    return ens
  })

/** So many mails in one callback. */
const many = (world: World, ens: Process, count: number) =>
  Effect.gen(function* () {
    const arrivals = yield* Effect.forEach(
      Array.from({ length: count }, (_, n) => n),
      (n) => world.arrive(ANN, { sender: "Bob", subject: `mail ${n}` })
    )
    const events = arrivals.flatMap((one) => one.events)
    const pending = yield* ens.callback(ANN, events)
    return { pending, events, items: arrivals.map(({ item }) => item) }
  })

const payloads = (world: World, token = "phone") =>
  Effect.map(world.push.received(token), (all) => all.map(({ payload }) => payload))

const waiting = (world: World) => Effect.map(world.storage.outboxSize, ({ entries }) => entries)

describe("several mails at once", () => {
  it.scopedLive(
    "are a notification each up to five, and one summary above, with at most ten ids, the newest first",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        expect((yield* many(world, ens, 5)).pending.reply).toBe("Ok")
        expect(yield* world.titles("phone")).toHaveLength(5)
        yield* world.push.clear
        const { items, pending } = yield* many(world, ens, 12)
        expect(pending.reply).toBe("Ok")
        expect(yield* payloads(world)).toMatchObject([
          {
            aps: { alert: { body: "12 new messages" }, badge: 17, "mutable-content": 1 },
            ens: { action: "newMail", count: 12, messageIds: items.toReversed().slice(0, 10) }
          }
        ])
      })
    )
  )

  it.scopedLive(
    "are summed up for every device that shows mails, and are one number for one that does not",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        const policies: ReadonlyArray<Policy> = [0, 3, 4]
        for (const policy of policies)
          for (const platform of ["iOS", "Android"] as const)
            yield* ens.registered(ANN, { token: `${platform}-${policy}`, device: { platform, policy } })
        yield* many(world, ens, 6)
        for (const token of ["phone", "iOS-0", "iOS-3", "Android-0", "Android-3"])
          expect(yield* world.titles(token), token).toEqual(["6 new messages"])
        expect(yield* payloads(world, "iOS-4")).toMatchObject([{ aps: { badge: 6 } }])
        expect((yield* world.push.received("iOS-4")).map(({ kind }) => kind)).toEqual(["badge"])
        expect(yield* world.push.received("Android-4")).toEqual([])
        const [android] = yield* payloads(world, "Android-0")
        expect(android).toMatchObject({ action: "newMail", count: "6", body: "6 new messages" })
        expect(android).not.toHaveProperty("badge")
      })
    )
  )

  it.scopedLive(
    "are not summed up again when Exchange repeats the callback, whole or in part",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        const { events } = yield* many(world, ens, 7)
        expect((yield* ens.callback(ANN, events)).reply).toBe("Ok")
        expect((yield* ens.callback(ANN, events.slice(0, 6))).reply).toBe("Ok")
        yield* world.advance(5_000)
        const all = yield* world.push.received("phone")
        expect(all.filter(({ kind }) => kind !== "badge")).toHaveLength(1)
      })
    )
  )

  it.scopedLive(
    "share the summary's fate: what no gateway takes waits, all of it, and goes as one with the same id",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.push.loseNextAnswer()
        expect((yield* many(world, ens, 6)).pending.reply).toBe("Ok")
        expect(yield* waiting(world)).toBe(6)
        yield* world.advance(40_000)
        expect(yield* waiting(world)).toBe(0)
        const [first, second, ...rest] = yield* world.push.received("phone")
        expect(rest).toEqual([])
        expect(second?.id).toBe(first?.id)
        expect(second?.payload).toMatchObject({ ens: { count: 6 } })
      })
    )
  )

  it.scopedLive(
    "are counted together with those that wait in the outbox",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.push.down("iOS")
        yield* many(world, ens, 4)
        yield* world.push.up("iOS")
        const { pending } = yield* many(world, ens, 3)
        expect(pending.reply).toBe("Ok")
        expect(yield* world.titles("phone")).toEqual(["7 new messages"])
        expect(yield* waiting(world)).toBe(0)
        yield* world.advance(MINUTE)
        expect(yield* world.push.received("phone")).toHaveLength(1)
      })
    )
  )
})

describe("a mail that was told alone", () => {
  it.scopedLive(
    "just before a crash is replaced by the summary in which it is found again with those that were missed",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* ens.heartbeat(ANN)
        yield* world.advance(30_000)
        expect((yield* ens.mail(ANN, { sender: "Bob", subject: "told" })).reply).toBe("Ok")
        yield* ens.kill
        for (let n = 0; n < 6; n++) {
          yield* world.advance(1_000)
          yield* world.arrive(ANN, { sender: "Bob", subject: `missed ${n}` })
        }
        yield* world.advance(10 * MINUTE, MINUTE)
        const again = yield* world.start
        yield* again.registered(ANN, { force: true })
        yield* world.settled
        const told = (yield* world.push.received("phone")).map(({ kind }) => kind)
        expect(told.filter((kind) => kind !== "badge")).toEqual(["newMail", "summary"])
        expect(yield* world.titles("phone")).toEqual(["7 new messages"])
      })
    )
  )
})

describe("one device's push service", () => {
  it.scopedLive(
    "holds up no other device: neither a dead token nor a slow answer, however many mails there are",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* ens.registered(ANN, { token: "dead" })
        yield* ens.registered(ANN, { token: "slow", device: { platform: "Android" } })
        yield* world.push.setVerdict({ token: "dead" }, Verdict.TokenDead({ since: undefined }))
        yield* world.push.slow({ token: "slow" })
        const { pending } = yield* many(world, ens, 5)
        expect(yield* world.titles("phone")).toHaveLength(5)
        expect(pending.reply).toBeUndefined()
        yield* world.advance(10_000)
        expect(pending.reply).toBe("Ok")
        expect(yield* waiting(world)).toBe(5)
        expect((yield* world.storage.devices(yield* world.user(ANN))).map(({ token }) => token)).toEqual([
          "phone",
          "slow"
        ])
      })
    )
  )

  it.scopedLive(
    "that refuses a notification is noted for who looks after the user, without content",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.push.setVerdict({ token: "phone" }, Verdict.Rejected({ reason: "HTTP 400, BadTopic" }))
        expect((yield* many(world, ens, 3)).pending.reply).toBe("Ok")
        const letters = yield* world.storage.deadLetters(yield* world.user(ANN))
        expect(letters).toEqual([
          { digest: "newMail to device 1", reason: "log: HTTP 400, BadTopic", at: world.clock.now }
        ])
        expect(world.logged("WARN")).toContainEqual(expect.stringContaining("a push gateway refused"))
      })
    )
  )
})
