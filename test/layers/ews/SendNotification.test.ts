import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck as fc } from "effect"
import { makeCallbackReader } from "../../../layers/ews/CallbackReader.ts"
import { decodeSendNotification } from "../../../layers/ews/SendNotification.ts"
import { BODY_LIMIT } from "../../../schemas/BodyLimit.ts"
import { heartbeat, mutated, styles, values } from "../../support/CallbackText.ts"
import { samples } from "../../support/EwsSamples.ts"

const M = "http://schemas.microsoft.com/exchange/services/2006/messages"
const T = "http://schemas.microsoft.com/exchange/services/2006/types"

const callback = (...messages: ReadonlyArray<string>) =>
  `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>
    <SendNotification xmlns="${M}" xmlns:t="${T}"><ResponseMessages>${messages.join("\n")}</ResponseMessages>
    </SendNotification></s:Body></s:Envelope>`

const success = (id: string, ...events: ReadonlyArray<string>) =>
  `<SendNotificationResponseMessage ResponseClass="Success"><ResponseCode>NoError</ResponseCode><Notification>
    <t:SubscriptionId>${id}</t:SubscriptionId>${events.join("")}</Notification></SendNotificationResponseMessage>`

const failure = `<SendNotificationResponseMessage ResponseClass="Error"><MessageText>Неудача</MessageText>
  <ResponseCode>ErrorReadEventsFailed</ResponseCode><DescriptiveLinkKey>0</DescriptiveLinkKey>
  <MessageXml><t:Value Name="SubscriptionId"> HgBleA== </t:Value></MessageXml></SendNotificationResponseMessage>`

const newMail = (item: string) =>
  `<t:NewMailEvent><t:Watermark>W</t:Watermark><t:TimeStamp>2026-11-22T03:47:00Z</t:TimeStamp>
    <t:ItemId Id="${item}" ChangeKey="CQAAAA=="/><t:ParentFolderId Id="inbox"/></t:NewMailEvent>`

const nothing = {
  watermark: undefined,
  timestamp: undefined,
  itemId: undefined,
  folderId: undefined,
  parentFolderId: undefined,
  unreadCount: undefined
}

const right = (body: Uint8Array | string) => Either.getOrThrow(decodeSendNotification(body))
const reason = (body: Uint8Array | string) =>
  Either.match(decodeSendNotification(body), {
    onLeft: (error) => error.reason,
    onRight: (found) => found
  })

describe("decodeSendNotification", () => {
  it.runIf(samples.present)(`reads the mail of a real callback${samples.orSkipped}`, () => {
    const item =
      "AAMkADkzNjJjODUzLWZhMDMtNDVkMS05ZDdjLWVmMDlkYjQ1Zjc4MwBGAAAAAABSSWVKrmGUTJE+MVIvofglBwDZGACZQpSgSpyNkexYe2b7AAAAAAENAADZGACZQpSgSpyNkexYe2b7AAANGFYwAAA="
    const inbox =
      "AQMkADkzNjJjODUzLWZhMDMtNDVkMS05ZDdjLWVmMDlkYjQ1Zjc4MwAuAAADUkllSq5hlEyRPjFSL6H4JQEA2RgAmUKUoEqcjZHsWHtm+wAAAgENAAAA"
    const timestamp = Date.UTC(2013, 8, 16, 4, 31, 29)
    expect(right(samples.read("sendnotification-created-newmail-modified.derived.xml"))).toEqual({
      _tag: "Events",
      subscriptionId:
        "JgBibjFwcjAzbWIyMDIubmFtcHJkMDMucHJvZC5vdXRsb29rLmNvbRAAAADwXxVesOnHS5BxUHKwAW88SHjwd1iB0Ag=",
      previousWatermark: "AQAAAABnF0AAAAAAAAE=",
      events: [
        {
          ...nothing,
          kind: "Created",
          watermark: "AQAAAABoF0AAAAAAAAE=",
          timestamp,
          itemId: item,
          parentFolderId: inbox
        },
        {
          ...nothing,
          kind: "NewMail",
          watermark: "AQAAAABpF0AAAAAAAAE=",
          timestamp,
          itemId: item,
          parentFolderId: inbox
        },
        {
          kind: "Modified",
          watermark: "AQAAAABqF0AAAAAAAAE=",
          timestamp,
          itemId: undefined,
          folderId: inbox,
          parentFolderId: inbox.replace("ENAAAA", "EJAAAA"),
          unreadCount: 1
        }
      ]
    })
  })

  it.runIf(samples.present).each([
    [
      "sendnotification-status-2007sp1.xml",
      "FwB0ZXN0LW1haWwyLm1zZnQudmlydHVhbBAAAABzUd2ea9nSRZxccnlZiYGL",
      "AQAAAE0NHLpGbA9HjwSmPXXJyw5makMAAAAAAAE=",
      { ...nothing, kind: "Status", watermark: "AQAAAE0NHLpGbA9HjwSmPXXJyw5oakMAAAAAAAE=" }
    ],
    [
      "sendnotification-status-2016.xml",
      "XXXXX=",
      "AAAAA=",
      { ...nothing, kind: "Status", watermark: "BBBBB=" }
    ],
    [
      "workmail-sendnotification-modified.xml",
      "hKJETtoAdi9PPW0tZDQ4MThmMDoVYB",
      "ygwAAAAAAAA=",
      {
        ...nothing,
        kind: "Modified",
        watermark: "ywwAAAAAAAA=",
        timestamp: Date.UTC(2018, 1, 2, 15, 15, 14),
        folderId: "AAB2L089bS1kNDgxOGYwOGE5OTQ0=",
        parentFolderId: "AAB2L089bS1kNDgxOGYwOGE="
      }
    ]
  ])(`reads the one event of %s${samples.orSkipped}`, (name, subscriptionId, previousWatermark, event) => {
    expect(right(samples.read(name))).toEqual({
      _tag: "Events",
      subscriptionId,
      previousWatermark,
      events: [event]
    })
  })

  it("reads an error callback, which has no Notification, with the subscription out of the MessageXml", () => {
    expect(right(callback(failure))).toEqual({
      _tag: "Error",
      subscriptionId: "HgBleA==",
      responseCode: "ErrorReadEventsFailed"
    })
    const silent = failure.replace(/<MessageXml>.*<\/MessageXml>/, "")
    expect(right(callback(silent))).toEqual({
      _tag: "Error",
      subscriptionId: undefined,
      responseCode: "ErrorReadEventsFailed"
    })
  })

  it("takes several response messages together, as far as they are of one subscription", () => {
    const merged = right(
      callback(success("A", newMail("1")), failure, success("B", newMail("2")), success("A", newMail("3")))
    )
    expect(merged).toMatchObject({ _tag: "Events", subscriptionId: "A" })
    expect(merged._tag === "Events" && merged.events.map((event) => event.itemId)).toEqual(["1", "3"])
  })

  it("takes an event that it does not know as a sign of life", () => {
    const read = right(
      callback(success("A", "<t:HologramEvent><t:Watermark>W</t:Watermark></t:HologramEvent>"))
    )
    expect(read).toMatchObject({ events: [{ kind: "Status", watermark: "W" }] })
  })

  it("takes unreadable times and counts for absent ones", () => {
    const odd = `<t:ModifiedEvent><t:TimeStamp>yesterday</t:TimeStamp><t:FolderId Id=""/>
      <t:UnreadCount>-1</t:UnreadCount></t:ModifiedEvent>`
    expect(right(callback(success("A", odd)))).toMatchObject({ events: [{ ...nothing, kind: "Modified" }] })
  })

  it("goes by namespaces: foreign elements of the same names mean nothing", () => {
    expect(reason(callback(success("A", newMail("1"))).replaceAll(M, "urn:other"))).toBe(
      "not a SendNotification"
    )
    expect(reason(callback(success("A", newMail("1"))).replaceAll(T, "urn:other"))).toBe(
      "no events of a subscription"
    )
    const swapped = callback(success("A", newMail("1")))
      .replaceAll("t:", "m:")
      .replace("xmlns:m:", "xmlns:")
    expect(reason(swapped)).toBe("not well-formed XML")
  })

  it("reads broken prologs, byte order marks, UTF-16 and SOAP 1.2", () => {
    const body = callback(success("A", newMail("ä")))
    const expected = right(body)
    expect(expected).toMatchObject({ events: [{ itemId: "ä" }] })
    for (const prolog of [
      '\uFEFF<?xml version="1.0"?>',
      "\r\n <?xml version='1.0' encoding=utf8 >",
      "\0\n"
    ]) {
      expect(right(Buffer.from(prolog + body))).toEqual(expected)
    }
    const wide = Buffer.from(`\uFEFF${body}`, "utf16le")
    expect(right(wide)).toEqual(expected)
    expect(right(wide.swap16())).toEqual(expected)
    const soap12 = body.replace(
      "http://schemas.xmlsoap.org/soap/envelope/",
      "http://www.w3.org/2003/05/soap-envelope"
    )
    expect(right(soap12)).toEqual(expected)
  })

  it.each([
    ["", "empty"],
    ["   ", "empty"],
    ["{}", "not well-formed XML"],
    ["<!DOCTYPE html><html><body>Sign in</body></html>", "an HTML page"],
    ["<html>\n<br></html>", "an HTML page"],
    ["<a/>", "not a SOAP envelope"],
    [callback(), "no events of a subscription"],
    [callback(success("", newMail("1"))), "no events of a subscription"],
    [callback(success("A")), "no events of a subscription"],
    [callback(success("A", newMail("1"))).slice(0, -20), "not well-formed XML"],
    [callback(success("A", "&unknown;")), "not well-formed XML"],
    [
      `<!DOCTYPE a [<!ENTITY b "cc">]>${callback(success("A", newMail("&b;")))}`,
      "a document type declaration"
    ],
    [callback(success("A", "<a>".repeat(50) + "</a>".repeat(50))), "nested too deeply"],
    [callback(success("A", "<a/>".repeat(20_001))), "too many elements"],
    [
      callback(success("A", `<a ${Array.from({ length: 65 }, (_, n) => `a${n}=""`).join(" ")}/>`)),
      "too many attributes"
    ],
    [callback(success("A", " ".repeat(BODY_LIMIT))), "too large"]
  ])("refuses %.60s", (body, expected) => {
    expect(reason(body)).toBe(expected)
    expect(reason(Buffer.from(body))).toBe(expected)
  })

  it("answers something for every sequence of bytes, and the reader of the listener the same", () => {
    const read = makeCallbackReader()
    const wild = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc.tuple(styles, values).map(([style, some]) => Buffer.from(heartbeat(style, some))),
      mutated(Buffer.from(callback(failure, success("A", newMail("1"), newMail("2")))))
    )
    fc.assert(
      fc.property(wild, (body) => {
        const decoded = decodeSendNotification(body)
        const again = read(body)
        expect(Either.isLeft(again) ? again.left.reason : again.right).toEqual(
          Either.isLeft(decoded) ? decoded.left.reason : decoded.right
        )
      }),
      { numRuns: 500 }
    )
  })
})

describe("a callback that Exchange cannot have written", () => {
  const sent = (events: string) =>
    decodeSendNotification(
      `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><SendNotification xmlns="http://schemas.microsoft.com/exchange/services/2006/messages" xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><ResponseMessages><SendNotificationResponseMessage ResponseClass="Success"><ResponseCode>NoError</ResponseCode><Notification><t:SubscriptionId>c3Vi</t:SubscriptionId>${events}</Notification></SendNotificationResponseMessage></ResponseMessages></SendNotification></s:Body></s:Envelope>`
    )
  const created = (id: string) => `<t:CreatedEvent><t:ItemId Id="${id}"/></t:CreatedEvent>`

  it("is refused for more than 1,000 events", () => {
    expect(Either.isRight(sent(created("a").repeat(1000)))).toBe(true)
    expect(Either.isLeft(sent(created("a").repeat(1001)))).toBe(true)
  })

  it("is refused for an id that fits into no notification", () => {
    expect(Either.isRight(sent(created("a".repeat(1024))))).toBe(true)
    expect(Either.isLeft(sent(created("a".repeat(1025))))).toBe(true)
  })
})
