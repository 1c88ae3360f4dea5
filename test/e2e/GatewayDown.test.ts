import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { startService } from "../support/ServiceFixture.ts"
import { temporaryDirectory } from "../support/TemporaryDirectory.ts"
import { eventually, type Rehearsal, rehearse, within } from "./Rehearsal.ts"

/** Twenty of Exchange's minutes take four seconds; at its strictest it drops a subscription after 1.5 s of failures. */
const EXCHANGE = { minute: 200, retry: "strict" } as const
const OUTAGE = 20 * EXCHANGE.minute
const MAILS = 8

// Mostly waiting, each with a service of its own: they wait together.
describe.concurrent("a push gateway that is down for 20 minutes", () => {
  it.scopedLive("costs no callback and no subscription, and afterwards every mail is notified once", () =>
    Effect.gen(function* () {
      const all = yield* rehearse({ exchange: EXCHANGE })
      const { cns, exchange, installation, phone, taken, shown } = all
      yield* startService(installation)
      const iphone = yield* phone("iOS")
      const android = yield* phone("Android")
      yield* iphone.register()
      yield* android.register()

      yield* cns.down
      const items = yield* mailsDuringOutage(all)
      expect(cns.received()).toEqual([])
      yield* cns.up
      for (const device of [iphone, android]) {
        yield* within(
          cns.until(() => items.every((item) => shown(device).some(({ itemIds }) => itemIds.includes(item)))),
          `every mail on ${device.platform}`,
          30
        )
        const named = shown(device).flatMap(({ itemIds }) => itemIds)
        expect([...named].sort(), `mails on ${device.platform}`).toEqual([...items].sort())
        // More than five that waited are one notification.
        expect(taken(device).length).toBeLessThan(MAILS)
      }
      expect(exchange.subscriptions().map(({ state }) => state)).toEqual(["Active"])
      expect(exchange.operations()["Subscribe"]).toBe(1)
    })
  )

  it.scopedLive("holds up nobody whose platform has another gateway", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const pushed = join(directory, "pushed.jsonl")
      const all = yield* rehearse({
        exchange: EXCHANGE,
        settings: { ENS_PUSH: "ios=cns,android=log", ENS_PUSH_LOG_FILE: pushed }
      })
      const { cns, about, exchange, installation, mail, phone } = all
      yield* startService(installation)
      const iphone = yield* phone("iOS")
      const android = yield* phone("Android")
      yield* iphone.register()
      yield* android.register()
      yield* cns.down
      const items: Array<string> = []
      for (const subject of ["One", "Two", "Three"]) {
        const item = yield* mail(subject)
        items.push(item)
        yield* eventually(() => readFileSync(pushed, "utf8").includes(item), `${subject} on Android`)
        yield* within(
          exchange.until(() => exchange.deliveries().some(({ itemIds }) => itemIds.includes(item))),
          `the answer for ${subject}`
        )
      }
      yield* cns.up
      yield* within(
        cns.until(() => items.every((item) => about(iphone, item).length > 0)),
        "the mails on iOS",
        30
      )
      expect(items.map((item) => about(iphone, item).length)).toEqual([1, 1, 1])
      const lines = readFileSync(pushed, "utf8").trim().split("\n")
      expect(lines.map((line) => JSON.parse(line).payload.subtitle)).toEqual(["One", "Two", "Three"])
      expect(exchange.deliveries().map(({ outcome }) => outcome)).toEqual(
        exchange.deliveries().map(() => "OK")
      )
    })
  )
})

/** Mails evenly over the outage; each callback has to be answered OK at once, though nobody can be notified. */
const mailsDuringOutage = ({ exchange, mail }: Rehearsal) =>
  Effect.gen(function* () {
    const items: Array<string> = []
    for (let number = 1; number <= MAILS; number += 1) {
      const item = yield* mail(`Mail ${number}`)
      items.push(item)
      yield* Effect.sleep(OUTAGE / MAILS)
      yield* within(
        exchange.until(() => exchange.deliveries().some(({ itemIds }) => itemIds.includes(item))),
        `the answer for mail ${number}`
      )
    }
    expect(exchange.deliveries().every(({ attempt, outcome }) => attempt === 0 && outcome === "OK")).toBe(
      true
    )
    expect(exchange.subscriptions().map(({ state }) => state)).toEqual(["Active"])
    return items
  })
