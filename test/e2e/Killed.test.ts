import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { DeviceStandIn } from "../../src/sandbox/Device.ts"
import { type ServiceProcess, startProcess } from "../support/ServiceProcess.ts"
import { eventually, type Rehearsal, rehearse, within } from "./Rehearsal.ts"

/** With a StatusFrequency of 60 Exchange repeats a failed callback after 0.1, 0.3, 0.7 … s and gives up after 12.7 s. */
const OPTIONS = {
  exchange: { minute: 200, retry: "lenient" },
  settings: { ENS_STATUS_FREQUENCY_MINUTES: "60", ENS_HEARTBEAT_CHECK_MINUTES: "120" }
} as const

describe("kill -9", () => {
  it.scopedLive("before a callback is looked at: both phones get the mail", () =>
    Effect.gen(function* () {
      const all = yield* registered
      yield* all.service.signal("SIGSTOP")
      const item = yield* all.mail("Killed before the fetch")
      yield* all.service.kill
      expect(all.exchange.operations()["GetItem"]).toBeUndefined()
      yield* nothingIsLost(all, item)
    })
  )

  it.scopedLive("while Exchange is asked for the mail's details: both phones get the mail", () =>
    Effect.gen(function* () {
      const all = yield* registered
      yield* all.exchange.addFault({ kind: "slow", milliseconds: 3000, operation: "GetItem", times: 1 })
      const item = yield* all.mail("Killed during the fetch")
      yield* eventually(() => all.exchange.operations()["GetItem"] === 1, "GetItem")
      yield* all.service.kill
      expect(all.cns.received()).toEqual([])
      yield* nothingIsLost(all, item)
      expect(all.shown(all.iphone)).toEqual([
        expect.objectContaining({ title: "Bob Baker", subtitle: "Killed during the fetch" })
      ])
    })
  )

  it.scopedLive(
    "after one of two phones has the mail: the other gets it too, the first at most replaced",
    () =>
      Effect.gen(function* () {
        const all = yield* registered
        const { about, android, cns, iphone } = all
        yield* cns.addFault({ kind: "retry", deviceToken: android.token(), retryAfter: 60 })
        const killed = killAtFirst(all, iphone)
        const item = yield* all.mail("Killed half-way")
        yield* within(killed, "the end of the process")
        yield* cns.clearFaults
        expect([iphone, android].map((device) => about(device, item).length)).toEqual([1, 0])
        yield* nothingIsLost(all, item)
      })
  )

  it.scopedLive(
    "after CNS took a notification and before its answer: a repeat replaces it on the phone",
    () =>
      Effect.gen(function* () {
        const all = yield* registered
        const { about, android, cns, iphone } = all
        yield* cns.addFault({ kind: "slow", milliseconds: 100, times: 1 })
        const killed = killAtFirst(all, iphone)
        const item = yield* all.mail("Killed after the push")
        yield* within(killed, "the end of the process")
        yield* nothingIsLost(all, item)
        expect(about(iphone, item).length, "the answer was never seen, so it has to be sent again").toBe(2)
        expect(about(android, item).length).toBeGreaterThan(0)
      })
  )

  it.scopedLive(
    "after a mail went into the outbox: it is sent after the restart, though Exchange does not repeat it",
    () =>
      Effect.gen(function* () {
        const all = yield* registered
        const { about, android, cns, exchange, iphone } = all
        yield* cns.addFault({ kind: "retry", deviceToken: android.token(), retryAfter: 60 })
        const item = yield* all.mail("Kept in the outbox")
        yield* within(
          exchange.until(() => acknowledged(all, item)),
          "the callback's OK"
        )
        yield* all.service.kill
        yield* cns.clearFaults
        expect([iphone, android].map((device) => about(device, item).length)).toEqual([1, 0])
        yield* nothingIsLost(all, item)
        expect(about(iphone, item)).toHaveLength(1)
        expect(exchange.deliveries().filter(({ itemIds }) => itemIds.includes(item))).toHaveLength(1)
      })
  )

  it.scopedLive(
    "between Subscribe and storing of a phone that registers anew: the new subscription is adopted",
    () =>
      Effect.gen(function* () {
        const all = yield* registered
        const { android, exchange, iphone, mail, service } = all
        const folders = exchange.operations()["GetFolder"] ?? 0
        yield* exchange.addFault({ kind: "slow", milliseconds: 3000, operation: "GetFolder", times: 1 })
        yield* Effect.fork(Effect.ignore(iphone.register({ forceSubscription: true })))
        yield* eventually(() => (exchange.operations()["GetFolder"] ?? 0) > folders, "GetFolder")
        yield* service.kill
        expect(exchange.operations()["Subscribe"]).toBe(2)

        const item = yield* mail("Between two subscriptions")
        yield* afterRestart(all, item, [iphone, android])
        yield* within(
          exchange.until(() => exchange.subscriptions().some(({ state }) => state === "Active")),
          "an answer to both subscriptions"
        )
        const next = yield* mail("To the adopted one")
        yield* within(
          all.cns.until(() => [iphone, android].every((device) => all.about(device, next).length > 0)),
          "the next mail"
        )
        yield* within(
          exchange.until(
            () =>
              exchange
                .subscriptions()
                .map(({ state }) => state)
                .join() === "Unsubscribed,Active"
          ),
          "the end of the older subscription"
        )
        expect(exchange.operations()["Subscribe"]).toBe(2)
        expect(yield* iphone.status).toMatchObject({ responseCode: 6, state: "Active" })
      })
  )

  it.scopedLive(
    "between Subscribe and storing of a first registration: the phone's next try succeeds, one subscription is left",
    () =>
      Effect.gen(function* () {
        const all = yield* rehearse(OPTIONS)
        const { about, cns, exchange, installation, mail, phone } = all
        const service = yield* startProcess(installation)
        const iphone = yield* phone("iOS")
        yield* exchange.addFault({ kind: "slow", milliseconds: 3000, operation: "GetFolder", times: 1 })
        yield* Effect.fork(Effect.ignore(iphone.register()))
        yield* eventually(() => exchange.operations()["GetFolder"] === 1, "GetFolder")
        yield* service.kill
        yield* startProcess(installation)
        expect(yield* iphone.register()).toMatchObject({ responseCode: 7 })
        const item = yield* mail("After the second try")
        yield* within(
          cns.until(() => about(iphone, item).length > 0),
          "the mail"
        )
        yield* within(
          exchange.until(
            () =>
              exchange
                .subscriptions()
                .map(({ state }) => state)
                .join() === "Unsubscribed,Active"
          ),
          "the end of the first subscription"
        )
        expect(new Set(about(iphone, item).map(({ id }) => id)).size).toBe(1)
      })
  )
})

/** A service with both phones registered and the early callback answered, so that the next one is the mail's. */
const registered = Effect.gen(function* () {
  const rehearsal = yield* rehearse(OPTIONS)
  const { exchange, installation, phone } = rehearsal
  const service = yield* startProcess(installation)
  const iphone = yield* phone("iOS")
  const android = yield* phone("Android")
  expect((yield* iphone.register()).responseCode).toBe(7)
  expect((yield* android.register()).responseCode).toBe(6)
  yield* within(
    exchange.until(() => exchange.deliveries().some(({ outcome }) => outcome === "OK")),
    "the first status event"
  )
  return { ...rehearsal, service, iphone, android }
})

interface Registered extends Rehearsal {
  readonly service: ServiceProcess
  readonly iphone: DeviceStandIn
  readonly android: DeviceStandIn
}

/** Kills the process in the very moment in which CNS takes a notification for the device, before CNS answers. */
const killAtFirst = ({ cns, service }: Registered, device: DeviceStandIn): Effect.Effect<void> => {
  const stop = cns.onNotification(({ deviceToken }) => {
    if (deviceToken !== device.token()) return
    stop()
    process.kill(service.pid, "SIGKILL")
  })
  return Effect.asVoid(service.ended)
}

const acknowledged = ({ exchange }: Rehearsal, item: string): boolean =>
  exchange.deliveries().some(({ itemIds, outcome }) => itemIds.includes(item) && outcome === "OK")

/** After a restart and Exchange's repeat each device has the mail, and a duplicate has the same collapse id. */
const afterRestart = (all: Rehearsal, item: string, devices: ReadonlyArray<DeviceStandIn>) =>
  Effect.gen(function* () {
    const { about, cns, exchange, installation, shown } = all
    yield* startProcess(installation)
    yield* within(
      exchange.until(() => acknowledged(all, item)),
      "OK for the mail",
      20
    )
    for (const device of devices) {
      yield* within(
        cns.until(() => about(device, item).length > 0),
        `the mail on ${device.platform}`
      )
      const ids = about(device, item).map(({ id }) => id)
      expect(new Set(ids).size, `collapse ids on ${device.platform}`).toBe(1)
      expect(shown(device).filter(({ kind }) => kind === "silent")).toEqual([])
    }
  })

/** The same, and nobody had to subscribe or register again. */
const nothingIsLost = (all: Registered, item: string) =>
  Effect.gen(function* () {
    yield* afterRestart(all, item, [all.iphone, all.android])
    expect(all.exchange.subscriptions().map(({ state }) => state)).toEqual(["Active"])
    expect(all.exchange.operations()["Subscribe"]).toBe(1)
    expect((yield* all.iphone.status).responseCode).toBe(6)
    expect((yield* all.android.status).responseCode).toBe(6)
  })
