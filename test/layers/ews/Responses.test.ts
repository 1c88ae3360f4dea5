import { existsSync, readFileSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck as fc } from "effect"
import { TRANSIENT_CODES } from "../../../layers/ews/EwsErrors.ts"
import { inboxResponse, mailsResponse, subscribeResponse } from "../../../layers/ews/Responses.ts"
import { type HttpAnswer, offeredSchemes } from "../../../layers/ews/SoapAnswer.ts"
import { RETRY_AFTER_MAX } from "../../../layers/net/RetryAfter.ts"
import { envelopeSchema, samples } from "../../support/EwsSamples.ts"

const NOW = Date.UTC(2026, 10, 22)
const site = { operation: "GetItem", host: "exchange.test" } as const
const answer = (
  body: string | Uint8Array,
  status = 200,
  headers: HttpAnswer["headers"] = {}
): HttpAnswer => ({
  status,
  headers,
  body: Buffer.from(body)
})

const M = "http://schemas.microsoft.com/exchange/services/2006/messages"
const T = "http://schemas.microsoft.com/exchange/services/2006/types"
const envelope = (content: string) =>
  `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>${content}</s:Body></s:Envelope>`
const items = (...messages: ReadonlyArray<string>) =>
  envelope(
    `<m:GetItemResponse xmlns:m="${M}" xmlns:t="${T}"><m:ResponseMessages>${messages.join("")}</m:ResponseMessages></m:GetItemResponse>`
  )
const found = (item: string) =>
  `<m:GetItemResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:Items>${item}</m:Items></m:GetItemResponseMessage>`
const failed = (code: string, more = "") =>
  `<m:GetItemResponseMessage ResponseClass="Error"><m:ResponseCode>
    ${code}</m:ResponseCode>${more}<m:Items/></m:GetItemResponseMessage>`
const message = (more: string) => `<t:Message><t:ItemId Id="A" ChangeKey="C"/>${more}</t:Message>`
const mailbox = (name: string, address: string) =>
  `<t:Mailbox><t:Name>${name}</t:Name><t:EmailAddress>${address}</t:EmailAddress></t:Mailbox>`

type Decoder = typeof mailsResponse | typeof inboxResponse | typeof subscribeResponse

/** The value, or the error with its fields. */
const outcome = (decode: Decoder, http: HttpAnswer): unknown =>
  Either.match(decode(site, http, NOW) as Either.Either<unknown, object>, {
    onLeft: (error) => ({ ...error }),
    onRight: (value) => value
  })
const mails = (http: HttpAnswer) => outcome(mailsResponse, http)

const refused = (responseCode: string, status = 200) => ({
  ...site,
  _tag: "EwsRefused",
  responseCode,
  status
})
const busy = (responseCode: string, retryAfter = 0) => ({
  ...site,
  _tag: "EwsBusy",
  responseCode,
  retryAfter
})
const unusable = (reason: string, status = 200) => ({ ...site, _tag: "EwsUnusable", status, reason })
const mail = {
  itemId: "A",
  parentFolderId: undefined,
  receivedAt: undefined,
  isRead: false,
  sender: undefined,
  subject: undefined,
  preview: undefined
}

describe("Responses", () => {
  const expected: ReadonlyArray<readonly [string, Decoder, number, unknown]> = [
    [
      "subscribe-push-response-success.xml",
      subscribeResponse,
      200,
      {
        subscriptionId: "83826921-afdf-48be-b469-628cc02b5f49",
        watermark: "AQAAAOpvG0LURVdOhQkPOWZLPcI8EgAAAAAAAAE=",
        serverVersion: undefined
      }
    ],
    [
      "subscribe-response-no-watermark.xml",
      subscribeResponse,
      200,
      {
        subscriptionId:
          "JgBibjFwcjAzbWIyMDIubmFtcHJkMDMucHJvZC5vdXRsb29rLmNvbRAAAADwXxVesOnHS5BxUHKwAW88SHjwd1iB0Ag=",
        watermark: undefined,
        serverVersion: "Exchange2013"
      }
    ],
    [
      "subscribe-response-error-delegate-not-supported.xml",
      subscribeResponse,
      200,
      refused("ErrorSubscriptionDelegateAccessNotSupported")
    ],
    [
      "subscribe-response-error-exceeded-count.derived.xml",
      subscribeResponse,
      200,
      refused("ErrorExceededSubscriptionCount")
    ],
    [
      "subscribe-response-error-invalid-url.derived.xml",
      subscribeResponse,
      200,
      refused("ErrorInvalidPushSubscriptionUrl")
    ],
    [
      "getfolder-response.xml",
      inboxResponse,
      200,
      { folderId: "AQApA=", unreadCount: 2, serverVersion: undefined }
    ],
    [
      "getitem-response-2013.xml",
      mailsResponse,
      200,
      [{ ...mail, itemId: "GJc/NAAA=", subject: "Company Soccer Team" }]
    ],
    ["getitem-response-email.xml", mailsResponse, 200, [{ ...mail, itemId: "AAAlAFVz", sender: "User2" }]],
    [
      "getitem-response-error-invalid-property-request.xml",
      mailsResponse,
      200,
      refused("ErrorInvalidPropertyRequest")
    ],
    [
      "getitem-response-error-mailbox-move.derived.xml",
      mailsResponse,
      200,
      busy("ErrorMailboxMoveInProgress")
    ],
    ["getitem-response-error-access-denied.derived.xml", mailsResponse, 200, refused("ErrorAccessDenied")],
    ["response-error-item-not-found.xml", mailsResponse, 200, []],
    [
      "response-error-nonexistent-mailbox-messagexml.xml",
      mailsResponse,
      200,
      refused("ErrorNonExistentMailbox")
    ],
    ["fault-server-busy-backoff.xml", mailsResponse, 500, busy("ErrorServerBusy", 297_749)],
    ["fault-schema-validation.xml", mailsResponse, 500, refused("ErrorSchemaValidation", 500)],
    ["fault-schema-validation-2.xml", mailsResponse, 500, refused("ErrorSchemaValidation", 500)],
    ["fault-2007-access-denied.xml", mailsResponse, 500, refused("Client", 500)]
  ]

  it.runIf(samples.present).each(expected)(
    `decodes %s${samples.orSkipped}`,
    (name, decode, status, value) => {
      expect(outcome(decode, answer(samples.read(name), status))).toEqual(value)
    }
  )

  it.runIf(samples.present)(
    `decodes every sample of an answer to one of these operations${samples.orSkipped}`,
    () => {
      const concerning = samples.names(
        /^(subscribe.*-response|getitem-response|getfolder-response|fault|response-error).*xml$/
      )
      expect(concerning.toSorted()).toEqual(expected.map(([name]) => name).toSorted())
    }
  )

  it("leaves out mails that are gone, and only these", () => {
    const gone = failed("ErrorItemNotFound")
    expect(mails(answer(items(gone, found(message("")), gone)))).toEqual([mail])
    expect(mails(answer(items(gone)))).toEqual([])
    expect(mails(answer(items(found(message("")), failed("ErrorItemCorrupt"))))).toEqual(
      refused("ErrorItemCorrupt")
    )
    expect(mails(answer(items(found(message("")), failed("ErrorServerBusy"))))).toEqual(
      busy("ErrorServerBusy")
    )
  })

  it("reads all details of a mail, of any kind of message", () => {
    const content = `<t:ParentFolderId Id="F"/><t:Subject> Re: 1 &lt; 2 &#x1F; </t:Subject>
      <t:DateTimeReceived>2026-11-22T03:47:00Z</t:DateTimeReceived>
      <t:From>${mailbox("Ada", "ada@example.com")}</t:From><t:IsRead>true</t:IsRead>
      <t:Preview><![CDATA[Hello <you>]]></t:Preview>`
    const all = {
      itemId: "A",
      parentFolderId: "F",
      receivedAt: Date.UTC(2026, 10, 22, 3, 47),
      isRead: true,
      sender: "Ada",
      subject: "Re: 1 < 2 \uFFFD",
      preview: "Hello <you>"
    }
    expect(mails(answer(items(found(message(content)))))).toEqual([all])
    expect(mails(answer(items(found(message(content).replaceAll("t:Message", "t:MeetingRequest")))))).toEqual(
      [all]
    )
  })

  it.each([
    [`<t:From>${mailbox("Ada", "a@b")}</t:From><t:Sender>${mailbox("Bob", "b@b")}</t:Sender>`, "Ada"],
    [`<t:From>${mailbox("", "a@b")}</t:From>`, "a@b"],
    [`<t:Sender>${mailbox("Bob", "b@b")}</t:Sender>`, "Bob"],
    [
      `<t:From>${mailbox("", "/o=First/ou=X/cn=ada")}</t:From><t:Sender>${mailbox("", "b@b")}</t:Sender>`,
      "b@b"
    ],
    ["<t:From/>", undefined]
  ])("takes as sender the name, else the address, of From, else of Sender: %s", (content, sender) => {
    expect(mails(answer(items(found(message(content)))))).toEqual([{ ...mail, sender }])
  })

  it.each([
    ["types", `<t:MessageXml><t:Value Name="BackOffMilliseconds"> 1500 </t:Value></t:MessageXml>`],
    ["messages", `<m:MessageXml><t:Value Name="BackOffMilliseconds">1500</t:Value></m:MessageXml>`]
  ])("reads how long to wait from a MessageXml in the %s namespace", (_, more) => {
    expect(mails(answer(items(failed("ErrorInternalServerError", more))))).toEqual(
      busy("ErrorInternalServerError", 1500)
    )
    expect(mails(answer(items(failed("ErrorSomethingNew", more))))).toEqual(busy("ErrorSomethingNew", 1500))
    const fault = `<s:Fault><faultcode>x:ErrorServerBusy</faultcode><detail xmlns:m="${M}" xmlns:t="${T}">${more}</detail></s:Fault>`
    expect(mails(answer(envelope(fault), 500))).toEqual(busy("ErrorServerBusy", 1500))
  })

  it("believes no server that asks for more than an hour", () => {
    const more = `<m:MessageXml><t:Value Name="BackOffMilliseconds">999999999</t:Value></m:MessageXml>`
    expect(mails(answer(items(failed("ErrorServerBusy", more))))).toEqual(
      busy("ErrorServerBusy", RETRY_AFTER_MAX)
    )
    expect(mails(answer("", 503, { "retry-after": "999999" }))).toEqual(busy("HTTP 503", RETRY_AFTER_MAX))
  })

  it.each([
    [
      answer("", 401, { "www-authenticate": ["Negotiate", "NTLM", 'Basic realm="a, b"'] }),
      ["Negotiate", "NTLM", "Basic"]
    ],
    [
      answer("", 401, { "www-authenticate": 'Bearer client_id="x", trusted_issuers="a@b", Basic realm=""' }),
      ["Bearer", "Basic"]
    ],
    [answer("", 401, { "www-authenticate": "NTLM TlRMTVNTUAACAAAA==" }), ["NTLM"]],
    [answer("", 401), []]
  ])("names the schemes that a 401 offers", (http, offered) => {
    expect(offeredSchemes(http)).toEqual(offered)
    expect(mails(http)).toEqual({ ...site, _tag: "EwsUnauthorized", offered })
  })

  it.each([
    [answer("no", 403), { ...site, _tag: "EwsForbidden" }],
    [answer("", 503), busy("HTTP 503")],
    [answer("<html></html>", 503, { "retry-after": "120" }), busy("HTTP 503", 120_000)],
    [answer("", 503, { "retry-after": new Date(NOW + 30_000).toUTCString() }), busy("HTTP 503", 30_000)],
    [answer("", 503, { "retry-after": new Date(NOW - 30_000).toUTCString() }), busy("HTTP 503")],
    [answer("", 429, { "retry-after": "soon" }), busy("HTTP 429")],
    [answer("", 429, { "retry-after": "2030" }), busy("HTTP 429", 2_030_000)],
    [answer("", 429, { "retry-after": "Jan 2030" }), busy("HTTP 429")],
    [answer("", 502), busy("HTTP 502")],
    [answer("<html>\n<br></html>"), unusable("an HTML page")],
    [answer("<!DOCTYPE html><html></html>", 404), unusable("an HTML page", 404)],
    [answer("", 204), unusable("empty", 204)],
    [answer("", 500), unusable("empty", 500)],
    [answer("no such user", 456), refused("", 456)],
    [answer(envelope("<a/>")), unusable("no response message")],
    [answer(items().slice(0, -9)), unusable("not well-formed XML")],
    [answer(`<!DOCTYPE a [<!ENTITY b "c">]>${items()}`), unusable("a document type declaration")],
    [
      answer("", 302, { location: "https://mail.example.com/owa/auth/logon.aspx?url=secret" }),
      unusable("a redirect to https://mail.example.com, which is not followed", 302)
    ],
    [answer("", 307), unusable("a redirect, which is not followed", 307)]
  ])("says what an answer that is none means (%#)", (http, error) => {
    expect(mails(http)).toEqual(error)
  })

  it.each([
    [subscribeResponse, "<m:SubscriptionId>S</m:SubscriptionId>"],
    [
      inboxResponse,
      '<m:Folders><t:Folder><t:FolderId Id="F"/><t:UnreadCount>0</t:UnreadCount></t:Folder></m:Folders>'
    ]
  ] as const)("tells which version may be asked of the server that answered (%#)", (decode, content) => {
    const body = envelope(
      `<m:Response xmlns:m="${M}" xmlns:t="${T}"><m:ResponseMessages><m:Message ResponseClass="Success">${content}</m:Message></m:ResponseMessages></m:Response>`
    )
    const header = `<s:Header><h:ServerVersionInfo MajorVersion="15" MinorVersion="1" xmlns:h="${T}"/></s:Header>`
    const told = answer(body.replace("<s:Body>", `${header}<s:Body>`))
    expect(outcome(decode, answer(body))).toHaveProperty("serverVersion", undefined)
    expect(outcome(decode, told)).toHaveProperty("serverVersion", "Exchange2016")
  })

  it("finds a subscription without an id, and a folder without a count, unusable", () => {
    const bare = answer(items(found("<t:Folder/>")))
    expect(outcome(subscribeResponse, bare)).toEqual(unusable("no subscription id"))
    expect(outcome(inboxResponse, bare)).toEqual(unusable("no folder id or unread count"))
  })

  it("answers a value or a typed error for every mutation of an answer", () => {
    const text = items(found(message(`<t:From>${mailbox("Ada", "a@b")}</t:From>`)), failed("ErrorServerBusy"))
    fc.assert(
      fc.property(fc.nat(text.length), fc.nat(30), fc.string({ maxLength: 6 }), (at, length, put) => {
        const wild = answer(text.slice(0, at) + put + text.slice(at + length))
        for (const decode of [mailsResponse, inboxResponse, subscribeResponse]) {
          expect(Either.isEither(decode(site, wild, NOW))).toBe(true)
        }
      })
    )
  })

  const messagesSchema = envelopeSchema.replace("ews-envelope", "messages")
  it.runIf(existsSync(messagesSchema))(
    `groups codes that exist${existsSync(messagesSchema) ? "" : " [SKIPPED: ../shared/ews/schema is not there]"}`,
    () => {
      const schema = readFileSync(messagesSchema, "utf8")
      expect([...TRANSIENT_CODES].filter((code) => !schema.includes(`"${code}"`))).toEqual([])
    }
  )
})
