import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { TakenNotification } from "../../src/sandbox/Cns.ts"
import { makeDevice } from "../../src/sandbox/Device.ts"
import { startService } from "../support/ServiceFixture.ts"
import { rehearse, within } from "./Rehearsal.ts"

/** Settings for a clock on which `minute` milliseconds pass between two heartbeats, and two missed ones are silence. */
const clock = (minute: number, settings: Readonly<Record<string, string>> = {}) => ({
  exchange: { minute },
  settings: {
    ENS_STATUS_FREQUENCY_MINUTES: String(minute / 60_000),
    ENS_HEARTBEAT_CHECK_MINUTES: String((2 * minute) / 60_000),
    ...settings
  }
})

const isNudge = ({ payload }: TakenNotification) => JSON.stringify(payload).includes('"resubscribe"')

// Mostly waiting, each with a service of its own: they wait together.
describe.concurrent("silence", () => {
  it.scopedLive("of our own making, while the service was down, wakes no phone", () =>
    Effect.gen(function* () {
      const minute = 1500
      const { about, cns, exchange, installation, mail, phone } = yield* rehearse(clock(minute))
      const first = yield* startService(installation)
      const iphone = yield* phone("iOS", { registersAgain: false })
      yield* iphone.register()
      yield* within(
        exchange.until(() => exchange.deliveries().filter(({ outcome }) => outcome === "OK").length === 2),
        "two heartbeats"
      )
      yield* exchange.stopHeartbeat("all")
      yield* first.stop
      // Longer than what counts as silence, so that the stored time of the last heartbeat alone would say "overdue".
      yield* Effect.sleep(3 * minute)
      const restarted = exchange.deliveries().length
      yield* startService(installation)
      yield* exchange.resumeHeartbeat("all")
      yield* within(
        exchange.until(() => exchange.deliveries().length >= restarted + 2),
        "two more heartbeats"
      )
      const item = yield* mail("Still here")
      yield* within(
        cns.until(() => about(iphone, item).length === 1),
        "the mail"
      )
      expect(cns.received().filter(isNudge)).toEqual([])
      expect(yield* iphone.status).toMatchObject({ responseCode: 6, state: "Active" })
      expect(exchange.operations()["Subscribe"]).toBe(1)
    })
  )

  it.scopedLive("of one subscription asks its phone to register, and that brings the mails back", () =>
    Effect.gen(function* () {
      const { about, cns, connect, exchange, installation, mail, phone, shown } = yield* rehearse(clock(600))
      yield* startService(installation)
      const iphone = yield* phone("iOS")
      yield* iphone.register()
      connect(iphone)
      yield* exchange.restart
      yield* within(
        cns.until(() => shown(iphone).length === 1),
        "the silent push"
      )
      expect(shown(iphone)).toEqual([expect.objectContaining({ kind: "silent", reason: "overdue" })])
      yield* within(
        exchange.until(
          () =>
            exchange
              .subscriptions()
              .map(({ state }) => state)
              .join() === "Forgotten,Active"
        ),
        "the new registration"
      )
      const item = yield* mail("Found again")
      yield* within(
        cns.until(() => about(iphone, item).length === 1),
        "the mail"
      )
      expect(cns.received().filter(isNudge)).toHaveLength(1)
    })
  )

  it.scopedLive("of everybody at once is one alarm: silent pushes are held, then released slowly", () =>
    Effect.gen(function* () {
      const minute = 3000
      /** A third of what counts as silence. */
      const held = (2 * minute) / 3
      const users = Array.from({ length: 20 }, (_, number) => ({
        address: `user${number}@wonderland.example`,
        password: `password ${number}`
      }))
      const { apiToken, cns, exchange, installation, mail } = yield* rehearse({
        ...clock(minute, { ENS_RENEW_RATE: "10" }),
        exchange: { minute, mailboxes: users }
      })
      yield* startService(installation)
      const phones = yield* Effect.forEach(users, ({ address, password }) =>
        makeDevice({
          baseUrl: installation.baseUrl,
          apiToken,
          address,
          login: { username: address, password },
          platform: "iOS",
          ewsUrl: exchange.url
        })
      )
      const codes = yield* Effect.forEach(phones, (one) => one.register(), { concurrency: 4 })
      expect(codes.map(({ responseCode }) => responseCode)).toEqual(users.map(() => 7))

      yield* exchange.stopHeartbeat("all")
      // All were heard of at the same time, so all fall silent at the same time.
      yield* Effect.forEach(users, ({ address }) => mail("The last one", address), {
        concurrency: "unbounded"
      })
      const alarms = () =>
        installation.logLines().filter(({ message }) => message.startsWith("callbacks do not reach us"))
      yield* within(
        cns.until(() => cns.received().filter(isNudge).length === users.length),
        "everybody's silent push",
        25
      )
      expect(alarms()).toEqual([expect.objectContaining({ level: "error" })])
      const times = cns
        .received()
        .filter(isNudge)
        .map(({ at }) => at.getTime())
      const alarmed = Date.parse(alarms()[0]?.at ?? "")
      expect(Math.min(...times) - alarmed, "held").toBeGreaterThanOrEqual(held - 50)
      // Two in 200 ms: the last of 20 goes 1.8 s after the first.
      expect(Math.max(...times) - Math.min(...times), "released slowly").toBeGreaterThanOrEqual(1500)
    })
  )
})
