import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { startService } from "../support/ServiceFixture.ts"
import { ALICE, rehearse, within } from "./Rehearsal.ts"

const POLICIES = [0, 1, 2, 3, 4] as const
/** The first version that has previews. */
const exchangeVersion = "Exchange2013"

describe("the whole loop over real sockets", () => {
  it.scopedLive("a mail reaches both phones of a user, and reading it changes only the iPhone's badge", () =>
    Effect.gen(function* () {
      const { cns, exchange, installation, mail, phone, shown, about } = yield* rehearse()
      yield* startService(installation)
      const iphone = yield* phone("iOS")
      const android = yield* phone("Android")

      const first = yield* iphone.register()
      expect(first).toMatchObject({ status: 200, responseCode: 7, errorMessage: "" })
      expect(exchange.subscriptions().map(({ id }) => id)).toEqual([first.subscriptionId])
      expect(yield* android.register()).toMatchObject({ status: 200, responseCode: 6 })
      expect(yield* android.register()).toMatchObject({ status: 200, responseCode: 17 })
      yield* within(
        exchange.until(() => exchange.deliveries().some(({ outcome }) => outcome === "OK")),
        "the first status event"
      )
      expect(yield* iphone.status).toMatchObject({ status: 200, responseCode: 6, state: "Active" })

      const item = yield* mail("Lunch?")
      yield* within(
        cns.until(() => shown(iphone).length + shown(android).length === 2),
        "two notifications"
      )
      const seen = {
        kind: "alert",
        action: "newMail",
        title: "Bob Baker",
        subtitle: "Lunch?",
        itemIds: [item]
      }
      expect(shown(iphone)).toEqual([expect.objectContaining({ ...seen, badge: 1 })])
      expect(shown(android)).toEqual([expect.objectContaining({ ...seen, badge: undefined })])
      const ids = [iphone, android].map((device) => about(device, item)[0]?.id)
      expect(new Set(ids).size).toBe(2)
      expect(yield* iphone.status).toMatchObject({ status: 200, responseCode: 6, state: "Active" })

      yield* exchange.markRead(ALICE.address, item)
      yield* within(
        cns.until(() => shown(iphone).length === 2),
        "the badge"
      )
      expect(shown(iphone)[1]).toMatchObject({ kind: "badge", badge: 0 })
      // The next mail comes after whatever the change could still have caused.
      yield* mail("Dinner?")
      yield* within(
        cns.until(() => shown(iphone).length + shown(android).length === 5),
        "the second mail"
      )
      expect(shown(android).map(({ subtitle }) => subtitle)).toEqual(["Lunch?", "Dinner?"])
      expect(exchange.subscriptions()).toHaveLength(1)
    })
  )

  it.scopedLive("each phone shows as much of a mail as its policy allows", () =>
    Effect.gen(function* () {
      const { cns, installation, mail, phone, shown } = yield* rehearse()
      yield* startService(installation)
      const phones = yield* Effect.forEach(POLICIES, (policy) =>
        Effect.all({
          policy: Effect.succeed(policy),
          ios: phone("iOS", { policy, exchangeVersion }),
          android: phone("Android", { policy, exchangeVersion })
        })
      )
      for (const { android, ios } of phones) {
        expect([6, 7]).toContain((yield* ios.register()).responseCode)
        expect((yield* android.register()).responseCode).toBe(6)
      }
      yield* mail("Quarterly numbers")
      yield* within(
        cns.until(() => cns.received().length === 9),
        "nine notifications"
      )
      const preview = "Body of Quarterly numbers"
      const text = [
        { title: "Bob Baker", subtitle: "Quarterly numbers", body: preview },
        { title: "Bob Baker", subtitle: "Quarterly numbers", body: "" },
        { title: "Bob Baker", subtitle: "", body: "" },
        { title: "", subtitle: "", body: "New message" }
      ]
      for (const { policy, ios, android } of phones) {
        const alert = text[policy]
        const onIos = alert === undefined ? { kind: "badge" } : { kind: "alert", ...alert }
        expect(shown(ios), `policy ${policy}, iOS`).toEqual([expect.objectContaining({ ...onIos, badge: 1 })])
        const onAndroid = alert === undefined ? [] : [expect.objectContaining({ kind: "alert", ...alert })]
        expect(shown(android), `policy ${policy}, Android`).toEqual(onAndroid)
      }
      // Who may not show a text is not sent it either.
      for (const { policy, ios, android } of phones.slice(2)) {
        const wire = JSON.stringify(
          cns.received().filter((one) => [ios.token(), android.token()].includes(one.deviceToken))
        )
        expect(wire, `policy ${policy}`).not.toContain("Quarterly")
        if (policy > 2) expect(wire, `policy ${policy}`).not.toContain("Bob")
      }
    })
  )

  it.scopedLive("a callback that Exchange repeats is acknowledged again and notifies nobody again", () =>
    Effect.gen(function* () {
      const { about, cns, exchange, installation, mail, phone } = yield* rehearse({
        settings: { ENS_WEBHOOK_CREDENTIALS: "rsa" }
      })
      yield* startService(installation)
      const iphone = yield* phone("iOS")
      yield* iphone.register()
      yield* exchange.addFault({ kind: "repeat", times: 1 })
      const item = yield* mail("Only once")
      const outcomes = () =>
        exchange
          .deliveries()
          .filter(({ itemIds }) => itemIds.includes(item))
          .map(({ outcome }) => outcome)
      yield* within(
        exchange.until(() => outcomes().length === 2),
        "the repeat"
      )
      expect(outcomes()).toEqual(["OK", "OK"])
      const next = yield* mail("The next one")
      yield* within(
        cns.until(() => about(iphone, next).length === 1),
        "the next mail"
      )
      expect(cns.received().map(({ payload }) => JSON.stringify(payload).includes(item))).toEqual([
        true,
        false
      ])
    })
  )

  it.scopedLive("a phone with a new push token gets the mails, the old token gets none", () =>
    Effect.gen(function* () {
      const { cns, installation, mail, phone, shown } = yield* rehearse()
      yield* startService(installation)
      const iphone = yield* phone("iOS")
      yield* iphone.register()
      const old = iphone.token()
      expect(yield* iphone.updateToken("f".repeat(64))).toMatchObject({ status: 200, responseCode: 3 })
      expect(
        yield* iphone.post("updatedevicetoken", {
          userId: iphone.userId,
          oldDeviceToken: old,
          newDeviceToken: "x"
        })
      ).toMatchObject({ status: 404, responseCode: 5 })
      yield* mail("To the new one")
      yield* within(
        cns.until(() => shown(iphone).length === 1),
        "the mail"
      )
      expect(cns.received().map(({ deviceToken }) => deviceToken)).toEqual(["f".repeat(64)])
    })
  )

  it.scopedLive("after the last phone unregistered the user is gone and Exchange is told to stop", () =>
    Effect.gen(function* () {
      const { cns, exchange, installation, mail, phone } = yield* rehearse()
      yield* startService(installation)
      const iphone = yield* phone("iOS")
      const android = yield* phone("Android")
      expect(yield* iphone.unregister).toMatchObject({ status: 404, responseCode: 28 })
      yield* iphone.register()
      yield* android.register()
      expect(yield* iphone.unregister).toMatchObject({ status: 200, responseCode: 25 })
      expect(yield* iphone.unregister).toMatchObject({ status: 404, responseCode: 26 })
      expect(yield* iphone.status).toMatchObject({ status: 200, responseCode: 30 })
      expect(yield* android.unregister).toMatchObject({ status: 200, responseCode: 24 })
      expect(yield* android.status).toMatchObject({ status: 404, responseCode: 28 })
      yield* mail("Too late")
      yield* within(
        exchange.until(() => exchange.subscriptions().every(({ state }) => state === "Unsubscribed")),
        "the Unsubscribe"
      )
      expect(cns.received()).toEqual([])
    })
  )
})
