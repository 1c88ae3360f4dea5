import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Prometheus from "../../layers/telemetry/Prometheus.ts"
import type { ItemId } from "../../schemas/Ids.ts"
import { events, inWorld, type Pending, type World } from "../support/ActorFixture.ts"
import { callback, post, type Subscriber, subscribe } from "../support/Subscribers.ts"

const SECOND = 1_000
const USERS = 300
/** Those who got no mail before: nothing is known of their devices while storage is away. */
const STRANGERS = 20
const CALLBACKS_PER_SECOND = 10
const MAILS_PER_CALLBACK = 20

const gauge = (name: string) =>
  Effect.map(Prometheus.scrape, (text) => {
    const line = text.split("\n").find((one) => one.startsWith(`${name} `))
    return Number(line?.slice(name.length + 1) ?? Number.NaN)
  })

const warnings = (world: World) =>
  world.lines
    .filter(({ level }) => level === "WARN" || level === "ERROR")
    .map(({ text }) => text.split(" {")[0])

const newMail = (world: World, to: Subscriber, item: string) =>
  events.newMail(to.address, item as ItemId, world.clock.now)

const unanswered = (pending: ReadonlyArray<Pending<unknown>>, reply: string) =>
  pending.filter((one) => one.reply !== reply || one.replies !== 1)

/** Ids of the notifications that reached a phone, each time. */
const idsAt = (world: World, { token }: Subscriber) =>
  Effect.map(world.push.received(token), (all) => all.map(({ id }) => id))

describe("storage that is away for 10 minutes under 200 mails and 30 heartbeats a second", () => {
  it.scopedLive(
    "costs users whose devices are known nothing, the others a repeat, and is made up for within a minute",
    inWorld(
      (world) =>
        Effect.gen(function* () {
          const ens = yield* world.start
          const all = yield* subscribe(world, ens, USERS)
          const strangers = all.slice(0, STRANGERS)
          const known = all.slice(STRANGERS)
          for (const one of known) callback(world, ens, one, 1)
          yield* world.advance(20 * SECOND)
          expect(yield* gauge("ens_write_behind_waiting")).toBe(0)
          const linesBefore = warnings(world).length
          const callsBefore = world.faults.calls("saveHot")

          world.faults.down(true)
          const heartbeats: Array<Pending<unknown>> = []
          const mails: Array<Pending<unknown>> = []
          let turn = 0
          for (let second = 0; second < 600; second++) {
            for (let count = 0; count < CALLBACKS_PER_SECOND; count++) {
              const to = known[turn++ % known.length]!
              mails.push(callback(world, ens, to, MAILS_PER_CALLBACK))
              for (const near of [0, 1, 2])
                heartbeats.push(post(ens, all[(turn * 3 + near) % USERS]!, [events.status()]))
            }
            yield* world.advance(SECOND)
          }
          expect(unanswered(heartbeats, "Ok")).toEqual([])
          expect(unanswered(mails, "Ok")).toEqual([])
          const refused = strangers.map((one) => callback(world, ens, one, 1))
          const registration = ens.register("user-30@example.com", { token: "another phone" })
          yield* world.advance(10 * SECOND)
          expect(unanswered(refused, "Retry")).toEqual([])
          expect(registration.reply).toMatchObject({ code: "ErrorSubscribeOrUpdateDb" })

          // One entry a user, a question a second, and a line that says so.
          expect(yield* gauge("ens_write_behind_waiting")).toBe(USERS)
          expect(yield* gauge("ens_write_behind_oldest_seconds")).toBeGreaterThan(595)
          expect(world.faults.calls("saveHot") - callsBefore).toBeLessThanOrEqual(620)
          expect(warnings(world).slice(linesBefore)).toEqual([
            "the outbox cannot be read",
            "storage is behind; it will be tried again"
          ])

          const writesBefore = world.faults.calls("saveHot")
          const returned = world.clock.now
          world.faults.down(false)
          const repeats = strangers.map((one) =>
            post(ens, one, [newMail(world, one, `again of ${one.token}`)])
          )
          let seconds = 0
          for (; (yield* gauge("ens_write_behind_waiting")) > 0; seconds++) yield* world.advance(SECOND)
          expect(seconds).toBeLessThanOrEqual(60)
          expect(unanswered(repeats, "Ok")).toEqual([])
          expect(world.faults.calls("saveHot") - writesBefore).toBeLessThan(20)
          const { rows } = yield* world.storage.subscriptions(undefined, 1_000)
          expect(rows.filter(({ hot }) => hot.lastHeard < returned - 60 * SECOND)).toEqual([])

          // A process that starts now knows what has been sent.
          yield* ens.kill
          const later = yield* world.start
          const before = yield* Effect.forEach(known, (one) => idsAt(world, one))
          for (const [index, ids] of before.entries()) expect(new Set(ids).size, `${index}`).toBe(ids.length)
          for (const one of strangers) expect(yield* world.push.received(one.token)).toHaveLength(1)
          for (const one of strangers) post(later, one, [newMail(world, one, `again of ${one.token}`)])
          yield* world.advance(10 * SECOND)
          for (const one of strangers) expect(yield* world.push.received(one.token)).toHaveLength(1)
        }),
      {}
    ),
    60_000
  )
})

describe("storage and gateways that are away together for 10 minutes under 200 mails a second", () => {
  it.scopedLive(
    "leave Exchange to repeat every callback, and each mail is told of once afterwards",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        const all = yield* subscribe(world, ens, 100)
        for (const one of all) callback(world, ens, one, 1)
        yield* world.advance(20 * SECOND)
        const linesBefore = warnings(world).length
        world.faults.down(true)
        for (const platform of ["iOS", "Android"] as const) yield* world.push.down(platform)
        for (let minute = 0; minute < 10; minute++) {
          // What is not answered is sent again, and what came meanwhile with it.
          for (let second = 0; second < 60; second += 10) {
            const pending = all.map((one) =>
              post(
                ens,
                one,
                Array.from({ length: 20 }, (_, mail) => newMail(world, one, `${one.token} mail ${mail}`))
              )
            )
            const beats = all.map((one) => post(ens, one, [events.status()]))
            yield* world.advance(10 * SECOND)
            expect(unanswered(pending, "Retry")).toEqual([])
            expect(unanswered(beats, "Ok")).toEqual([])
          }
        }
        world.faults.down(false)
        expect(warnings(world).slice(linesBefore).length).toBeLessThan(5)
        for (const platform of ["iOS", "Android"] as const) yield* world.push.up(platform)
        const again = all.map((one) =>
          post(
            ens,
            one,
            Array.from({ length: 20 }, (_, mail) => newMail(world, one, `${one.token} mail ${mail}`))
          )
        )
        yield* world.advance(60 * SECOND)
        expect(unanswered(again, "Ok")).toEqual([])
        expect((yield* world.storage.outboxSize).entries).toBe(0)
        const { rows } = yield* world.storage.subscriptions(undefined, 1_000)
        for (const { hot } of rows) expect(hot.ledger.length).toBe(8 * 21)
        // 20 mails at once are one notification that says so, after the one from before.
        for (const one of all)
          expect((yield* world.push.received(one.token)).map(({ kind }) => kind)).toEqual([
            "newMail",
            "summary"
          ])
      })
    ),
    60_000
  )
})
