import { randomBytes } from "node:crypto"
import { copyFileSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { call } from "../../src/sandbox/JsonClient.ts"
import type { Installation } from "../support/Installation.ts"
import { startService } from "../support/ServiceFixture.ts"
import { spawnService } from "../support/ServiceProcess.ts"
import { ALICE, eventually, MALLORY, rehearse, within } from "./Rehearsal.ts"

describe("callbacks that are not of a live subscription", () => {
  it.scopedLive(
    "forged, truncated and foreign URLs are answered Unsubscribe and reach neither Exchange nor phones",
    () =>
      Effect.gen(function* () {
        const { cns, exchange, installation, mail, about, phone } = yield* rehearse()
        yield* startService(installation)
        const alices = yield* phone("iOS")
        const mallorys = yield* phone("iOS", { user: MALLORY })
        yield* alices.register()
        yield* mallorys.register()
        const urlOf = (user: typeof ALICE) =>
          new URL(exchange.subscriptions().find((one) => one.user === user.address)?.url ?? "")
        const [alice, mallory] = [urlOf(ALICE), urlOf(MALLORY)]
        const before = exchange.requests().length

        const forged = {
          "another s": changed(alice, { s: randomBytes(16).toString("base64url") }),
          "a shorter s": changed(alice, { s: (alice.searchParams.get("s") ?? "").slice(0, -1) }),
          "no s": changed(alice, { s: "" }),
          "a shorter f": changed(alice, { f: (alice.searchParams.get("f") ?? "").slice(0, -4) }),
          "no f": changed(alice, { f: "" }),
          "a bit of f changed": changed(alice, { f: flipped(alice.searchParams.get("f") ?? "") }),
          "f and s of another user": changed(alice, {
            f: mallory.searchParams.get("f") ?? "",
            s: mallory.searchParams.get("s") ?? ""
          }),
          "the id of another user": changed(alice, { id: mallory.searchParams.get("id") ?? "" }),
          "an unknown id": changed(alice, { id: "999999" }),
          "an id that is no number": changed(alice, { id: "1;drop table users" }),
          nothing: new URL(alice.origin + alice.pathname)
        }
        for (const [what, url] of Object.entries(forged))
          expect(yield* callBack(url, newMail("AAMk-forged")), what).toEqual({
            status: 200,
            answer: "Unsubscribe"
          })
        expect(exchange.requests()).toHaveLength(before)
        expect(cns.received()).toEqual([])

        const item = yield* mail("A real one")
        yield* within(
          cns.until(() => about(alices, item).length === 1),
          "the real mail"
        )
        expect(exchange.subscriptions().map(({ state }) => state)).toEqual(["Active", "Active"])
      })
  )

  it.scopedLive("an item of another mailbox or folder, named with a leaked URL, is not announced", () =>
    Effect.gen(function* () {
      const { about, cns, exchange, installation, mail, phone } = yield* rehearse()
      yield* startService(installation)
      const iphone = yield* phone("iOS")
      yield* iphone.register()
      const [subscription] = exchange.subscriptions()
      const foreign = yield* mail("Not for Alice", MALLORY.address)
      const sent = yield* exchange.deliver({
        to: ALICE.address,
        from: ALICE.address,
        subject: "Drafted",
        body: "",
        folder: "drafts"
      })
      for (const item of [foreign, sent, "AAMk-unknown"])
        expect(yield* callBack(new URL(subscription?.url ?? ""), newMail(item, subscription?.id))).toEqual({
          status: 200,
          answer: "OK"
        })
      const item = yield* mail("For Alice")
      yield* within(
        cns.until(() => about(iphone, item).length === 1),
        "Alice's own mail"
      )
      expect(JSON.stringify(cns.received())).not.toMatch(/Not for Alice|Drafted/)
    })
  )

  it.scopedLive("an old subscription ends at its next callback, one of a user who is gone too", () =>
    Effect.gen(function* () {
      const { exchange, installation, phone } = yield* rehearse()
      yield* startService(installation)
      const iphone = yield* phone("iOS")
      yield* iphone.register()
      const old = exchange.subscriptions()[0]
      expect((yield* iphone.register({ forceSubscription: true })).responseCode).toBe(7)
      const current = exchange.subscriptions().find(({ id }) => id !== old?.id)
      const [oldUrl, currentUrl] = [new URL(old?.url ?? ""), new URL(current?.url ?? "")]
      expect(yield* callBack(oldUrl, status(old?.id))).toEqual({ status: 200, answer: "Unsubscribe" })
      expect(yield* callBack(currentUrl, status("another-subscription"))).toEqual({
        status: 200,
        answer: "Unsubscribe"
      })
      expect(yield* callBack(currentUrl, status(current?.id))).toEqual({ status: 200, answer: "OK" })
      expect((yield* iphone.unregister).responseCode).toBe(24)
      expect(yield* callBack(currentUrl, status(current?.id))).toEqual({ status: 200, answer: "Unsubscribe" })
      // Who registers again is another user to us: what leaked of the first one stays useless.
      expect((yield* iphone.register()).responseCode).toBe(7)
      expect(yield* callBack(currentUrl, status(current?.id))).toEqual({ status: 200, answer: "Unsubscribe" })
    })
  )
})

describe("masses of callbacks that nobody knows", () => {
  it.scopedLive(
    "forged ones get 503 in place of Unsubscribe, with one alarm, while real ones are served",
    () =>
      Effect.gen(function* () {
        const { about, cns, exchange, installation, mail, phone } = yield* rehearse()
        yield* startService(installation)
        const iphone = yield* phone("iOS")
        yield* iphone.register()
        const url = new URL(exchange.subscriptions()[0]?.url ?? "")
        const answers = yield* Effect.forEach(Array.from({ length: 30 }), (_, number) =>
          callBack(changed(url, { id: String(1000 + number) }), status())
        )
        expect(answers.map((one) => one.status)).toEqual(answers.map((_, n) => (n < 20 ? 200 : 503)))
        const item = yield* mail("In between")
        yield* within(
          cns.until(() => about(iphone, item).length === 1),
          "the mail"
        )
        yield* eventually(() => alarms(installation) > 0, "the alarm")
        expect(alarms(installation)).toBe(1)
      })
  )

  it.scopedLive("those of users whom a restored backup does not know are told to come again", () =>
    Effect.gen(function* () {
      const users = Array.from({ length: 25 }, (_, number) => ({
        address: `user${number}@wonderland.example`,
        password: `password ${number}`
      }))
      const { exchange, installation, phone } = yield* rehearse({ exchange: { mailboxes: users } })
      yield* Effect.scoped(startService(installation))
      const backup = `${installation.database}.backup`
      copyFileSync(installation.database, backup)
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* startService(installation)
          const phones = yield* Effect.forEach(users, (user) => phone("iOS", { user }))
          const codes = yield* Effect.forEach(phones, (one) => one.register(), { concurrency: 4 })
          expect(codes.map(({ responseCode }) => responseCode)).toEqual(users.map(() => 7))
        })
      )
      const live = exchange.subscriptions()
      copyFileSync(backup, installation.database)
      yield* startService(installation)
      const answers = yield* Effect.forEach(live, ({ id, url }) => callBack(new URL(url), status(id)))
      // Who is who shows only in numbers: the first twenty could be strays.
      expect(answers.map((one) => one.status)).toEqual(answers.map((_, n) => (n < 20 ? 200 : 503)))
      yield* eventually(() => alarms(installation) > 0, "the alarm")
    })
  )
})

describe("a restored backup", () => {
  it.scopedLive("gives nobody the mails of a user whom it has forgotten", () =>
    Effect.gen(function* () {
      const { about, cns, exchange, installation, mail, phone, shown } = yield* rehearse()
      yield* Effect.scoped(startService(installation))
      const backup = `${installation.database}.backup`
      copyFileSync(installation.database, backup)
      const alices = yield* phone("iOS")
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* startService(installation)
          yield* alices.register()
          // A generation that is higher than the first one of whoever comes next.
          expect((yield* alices.register({ forceSubscription: true })).responseCode).toBe(7)
        })
      )
      copyFileSync(backup, installation.database)
      yield* startService(installation)
      const mallorys = yield* phone("iOS", { user: MALLORY, registersAgain: false })
      expect((yield* mallorys.register()).responseCode).toBe(7)
      yield* mail("For Alice")
      const ofAlice = () => exchange.subscriptions().filter(({ user }) => user === ALICE.address)
      yield* within(
        exchange.until(() => ofAlice().every(({ state }) => state === "Unsubscribed")),
        "the end of the forgotten subscriptions"
      )
      const item = yield* mail("For Mallory", MALLORY.address)
      yield* within(
        cns.until(() => about(mallorys, item).length === 1),
        "Mallory's own mail"
      )
      expect(shown(mallorys).map(({ subtitle }) => subtitle)).toEqual(["For Mallory"])
    })
  )
})

describe("a database of another master key", () => {
  it.scopedLive("is refused at start with one line", () =>
    Effect.gen(function* () {
      const { installation } = yield* rehearse()
      yield* Effect.scoped(startService(installation))
      const service = yield* spawnService({
        ...installation,
        environment: {
          ...installation.environment,
          ENS_MASTER_KEY: randomBytes(32).toString("base64")
        }
      })
      expect(yield* within(service.ended, "the end of the process", 20)).not.toBe(0)
      expect(service.output().trim().split("\n")).toEqual([
        expect.stringContaining("the master key does not open")
      ])
    })
  )
})

const alarms = (installation: Installation): number =>
  installation
    .logLines()
    .filter(({ level, message }) => level === "error" && message.startsWith("masses of callbacks")).length

const changed = (url: URL, parameters: Readonly<Record<string, string>>): URL => {
  const copy = new URL(url)
  for (const [name, value] of Object.entries(parameters)) copy.searchParams.set(name, value)
  return copy
}

/** The same text with one bit of its last byte changed. */
const flipped = (text: string): string => {
  const bytes = Buffer.from(text, "base64url")
  const last = bytes.length - 1
  bytes[last] = (bytes[last] ?? 0) ^ 1
  return bytes.toString("base64url")
}

/** What Exchange would send; written here, because the stand-in calls back only what it subscribed itself. */
const callback = (events: string, subscriptionId = "unknown") => `<?xml version="1.0" encoding="utf-8"?>
<soap11:Envelope xmlns:soap11="http://schemas.xmlsoap.org/soap/envelope/"><soap11:Body><m:SendNotification
 xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"
 xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><m:ResponseMessages>
<m:SendNotificationResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:Notification>
<t:SubscriptionId>${subscriptionId}</t:SubscriptionId><t:PreviousWatermark>AAAA</t:PreviousWatermark>
<t:MoreEvents>false</t:MoreEvents>${events}</m:Notification></m:SendNotificationResponseMessage>
</m:ResponseMessages></m:SendNotification></soap11:Body></soap11:Envelope>`

const status = (subscriptionId?: string) =>
  callback("<t:StatusEvent><t:Watermark>BBBB</t:Watermark></t:StatusEvent>", subscriptionId)

const newMail = (itemId: string, subscriptionId?: string) =>
  callback(
    `<t:NewMailEvent><t:Watermark>CCCC</t:Watermark><t:TimeStamp>${new Date().toISOString()}</t:TimeStamp>
<t:ItemId Id="${itemId}" ChangeKey="CQ"/><t:ParentFolderId Id="AAMk-inbox" ChangeKey="CQ"/></t:NewMailEvent>`,
    subscriptionId
  )

const callBack = (url: URL, body: string) =>
  Effect.promise(() =>
    call(url.href, { method: "POST", headers: { "Content-Type": "text/xml" }, body, timeout: 15_000 })
  ).pipe(
    Effect.map(({ status: code, text }) => ({
      status: code,
      answer: /<(?:\w+:)?SubscriptionStatus[^>]*>(\w+)</.exec(text)?.[1] ?? text
    }))
  )
