import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { call } from "../../src/sandbox/JsonClient.ts"
import { P12_PASSWORD, p12 } from "../support/CnsConfigXml.ts"
import { startService } from "../support/ServiceFixture.ts"
import { temporaryDirectory } from "../support/TemporaryDirectory.ts"
import { eventually, rehearse, within } from "./Rehearsal.ts"

const HASH = "[0-9a-f]{64}"

/** What administrators of ENS2 search the log for. */
const SEARCHED = {
  "a mail event": /Debug \S+ User Id:\[HASH\] Received \[CreatedEvent\] for subscription:\[\S+\]/,
  "a subscription": /Info \S+ User Id:\[HASH\] User HASH subscribed with subscriptionId \[\S+\]/,
  "the EWS URL": /Debug \S+ User Id:\[HASH\] EWSUrl used to subscribe: \[http\S+\]/,
  "the log-in": /Debug \S+ User Id:\[HASH\] User subscribing with \[Basic Auth\]/,
  "a forced subscription": /Debug \S+ User Id:\[HASH\] ForceSubscription : \[True\]/,
  "an old subscription":
    /Info \S+ User Id:\[HASH\] \[\S+\] is old subscription for user HASH, sending unsubscribe response/,
  "a badge": /Debug \S+ User Id:\[HASH\] -BADGE UPDATE- \[1\] previous BADGE count is \[0\]/,
  "a notification":
    /Debug \S+ User Id:\[HASH\] About to Post Notification for user : \[HASH\] and Device Id : \[\d+\]/,
  "the signature": /Debug \S+ User Id:\[.*\] Signing URL \[\/\S+\] with Cert \[CN=.+\]/,
  "a refusal of CNS":
    /Warn \S+ User Id:\[.*\] Failed To Post to CNS \[http\S+\] Error: \[.+\] Response: \[.*\]/,
  "an answer to a device":
    /Info \S+ User Id:\[HASH\] registerdevicev2 request processed\. HttpStatusCode:\[OK\] ResponseCode:\[UserSubscribed\]/,
  "an unknown token": /Warn \S+ User Id:\[\] .*API token : \[Unkno\*+23456\]/
}

describe("the legacy log", () => {
  it.scopedLive("has every text that administrators search for", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryDirectory, "cns.p12")
      writeFileSync(file, p12())
      const { about, cns, exchange, installation, mail, phone } = yield* rehearse({
        settings: {
          ENS_LOG_FORMAT: "ens2",
          ENS_LOG_LEVEL: "debug",
          ENS_CNS_CERT_FILE: file,
          ENS_CNS_CERT_PASSWORD: P12_PASSWORD
        }
      })
      yield* startService(installation)
      const iphone = yield* phone("iOS")
      yield* iphone.register()
      const old = exchange.subscriptions()[0]
      expect((yield* iphone.register({ forceSubscription: true })).responseCode).toBe(7)
      yield* Effect.promise(() =>
        call(old?.url ?? "", {
          method: "POST",
          headers: { "content-type": "text/xml" },
          body: STATUS.replace("ID", old?.id ?? ""),
          timeout: 10_000
        })
      )
      const first = yield* mail("One")
      yield* within(
        cns.until(() => about(iphone, first).length === 1),
        "the notification"
      )
      yield* cns.addFault({ kind: "status", status: 500, times: 1 })
      const second = yield* mail("Two")
      yield* within(
        cns.until(() => about(iphone, second).length === 1),
        "the second notification",
        30
      )
      yield* (yield* phone("iOS", { apiToken: "Unknown-api-token-123456" })).status
      const lines = () => installation.log().split("\n")
      const missing = () =>
        Object.entries(SEARCHED).filter(([, form]) => {
          const pattern = new RegExp(form.source.replaceAll("HASH", HASH))
          return !lines().some((line) => pattern.test(line))
        })
      yield* eventually(() => missing().length === 0, "all lines").pipe(Effect.ignore)
      expect(missing().map(([what]) => what)).toEqual([])
    })
  )
})

describe("the activity id", () => {
  it.scopedLive("of a registration and of a mail is in all their lines, and what Exchange was told", () =>
    Effect.gen(function* () {
      const { about, cns, exchange, installation, mail, phone } = yield* rehearse({
        settings: { ENS_LOG_LEVEL: "debug" }
      })
      yield* startService(installation)
      const iphone = yield* phone("iOS")
      yield* iphone.register()
      const registered = exchange.requests().length
      const item = yield* mail("One")
      yield* within(
        cns.until(() => about(iphone, item).length === 1),
        "the notification"
      )
      const told = (from: number, to?: number) => [
        ...new Set(
          exchange
            .requests()
            .slice(from, to)
            .map(({ headers }) => headers["client-request-id"])
        )
      ]
      const of = (id: string | undefined) =>
        installation.logLines().filter(({ activityId }) => activityId === id)
      const texts = (id: string | undefined) => of(id).map(({ message }) => message)

      const registration = told(0, registered)
      expect(registration).toHaveLength(1)
      for (const text of [
        "ForceSubscription : [False]",
        "User subscribing with [Basic Auth]",
        `User ${iphone.userId} subscribed with subscriptionId`,
        "registerdevicev2 request processed. HttpStatusCode:[OK]"
      ])
        expect(texts(registration[0])).toContainEqual(expect.stringContaining(text))

      const mails = told(registered)
      expect(mails).toHaveLength(1)
      yield* eventually(() => texts(mails[0]).some((text) => text.startsWith("Posted ")), "the verdict")
      for (const text of ["Received [CreatedEvent]", "About to Post Notification for user", ": [Delivered]"])
        expect(texts(mails[0])).toContainEqual(expect.stringContaining(text))
      for (const line of [...of(registration[0]), ...of(mails[0])])
        expect(line.user, line.message).toBe(iphone.userId)
    })
  )

  it.scopedLive("and the hashed user are in every warning of a user's work", () =>
    Effect.gen(function* () {
      const { cns, exchange, installation, mail, phone } = yield* rehearse({
        settings: { ENS_LOG_LEVEL: "warning" }
      })
      yield* startService(installation)
      const iphone = yield* phone("iOS")
      yield* iphone.register()
      expect((yield* iphone.register({ payload: { password: "wrong" } })).responseCode).toBe(14)
      yield* exchange.addFault({ kind: "page", operation: "GetItem", times: 1 })
      yield* cns.addFault({ kind: "status", status: 500, times: 1 })
      yield* mail("One")
      yield* eventually(
        () => installation.logLines().some(({ message }) => message.startsWith("EmailFetchfailed")),
        "the warning"
      )
      const lines = installation.logLines().filter(({ message }) => !OF_EVERYBODY.test(message))
      expect(lines.length).toBeGreaterThan(0)
      for (const line of lines) {
        expect(line.user, line.message).toBe(iphone.userId)
        expect(line.activityId, line.message).toMatch(/^[0-9a-f-]{36}$/)
      }
    })
  )
})

/** What is about a host, a gateway or the whole service. */
const OF_EVERYBODY = /No CNS certificate|gateway|CNS|Exchange host|Exchange at/i

const STATUS = `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><s:Body><m:SendNotification><m:ResponseMessages><m:SendNotificationResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:Notification><t:SubscriptionId>ID</t:SubscriptionId><t:MoreEvents>false</t:MoreEvents><t:StatusEvent><t:Watermark>AAAA</t:Watermark></t:StatusEvent></m:Notification></m:SendNotificationResponseMessage></m:ResponseMessages></m:SendNotification></s:Body></s:Envelope>`
