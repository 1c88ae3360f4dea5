import { existsSync, readFileSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck as fc } from "effect"
import { VERSION_CODES } from "../../../layers/ews/AcceptedVersions.ts"
import { isRediscover, REDISCOVER_CODES, TRANSIENT_CODES } from "../../../layers/ews/EwsErrors.ts"
import { gatewayRefusal } from "../../../layers/ews/GatewayAnswer.ts"
import { ITEM_CODES } from "../../../layers/ews/ItemErrors.ts"
import {
  inboxResponse,
  mailsResponse,
  missedResponse,
  subscribeResponse,
  textBodiesResponse
} from "../../../layers/ews/Responses.ts"
import { type HttpAnswer, offeredSchemes, versionIn } from "../../../layers/ews/SoapAnswer.ts"
import { RETRY_AFTER_MAX } from "../../../layers/net/RetryAfter.ts"
import { ADVISED_CODES } from "../../../schemas/EwsAdvice.ts"
import { type EwsError, EwsRefused } from "../../../schemas/EwsError.ts"
import { envelopeSchema } from "../../support/EwsSamples.ts"

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

type Decoder = (...of: Parameters<typeof mailsResponse>) => Either.Either<unknown, EwsError>

const decoders: ReadonlyArray<Decoder> = [
  mailsResponse,
  missedResponse,
  textBodiesResponse,
  inboxResponse,
  subscribeResponse
]

/** The value, or the error with its fields. */
const outcome = (decode: Decoder, http: HttpAnswer): unknown =>
  Either.match(decode(site, http, NOW), {
    onLeft: (error): unknown => ({ ...error }),
    onRight: (value) => value
  })
/** `mailsResponse`, where sizes do not matter. */
const mailsOnly: Decoder = (at, http, now) => Either.map(mailsResponse(at, http, now), (found) => found.mails)
const mails = (http: HttpAnswer) => outcome(mailsOnly, http)

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
  it("leaves out mails that are gone", () => {
    const gone = failed("ErrorItemNotFound")
    expect(mails(answer(items(gone, found(message("")), gone)))).toEqual([mail])
    expect(mails(answer(items(gone)))).toEqual([])
  })

  it.each(["ErrorInvalidIdMalformed", "ErrorItemCorrupt", "ErrorMimeContentConversionFailed"])(
    "leaves out an item that cannot be read, and keeps the others: %s",
    (code) => {
      expect(mails(answer(items(failed(code), found(message("")))))).toEqual([mail])
      expect(mails(answer(items(failed(code))))).toEqual([])
    }
  )

  it("takes a trouble that is not the item's as that of the whole call", () => {
    const of = (code: string) =>
      mails(answer(items(failed("ErrorItemNotFound"), found(message("")), failed(code))))
    expect(of("ErrorAccessDenied")).toEqual(refused("ErrorAccessDenied"))
    expect(of("ErrorServerBusy")).toEqual(busy("ErrorServerBusy"))
    expect(of("ErrorBatchProcessingStopped")).toEqual(busy("ErrorBatchProcessingStopped"))
    expect(of("ErrorSomethingNew")).toEqual(refused("ErrorSomethingNew"))
  })

  it("leaves out what is no mail, unless there is nothing but that", () => {
    const noMail = failed("ErrorInvalidPropertyRequest")
    expect(mails(answer(items(noMail, found(message("")))))).toEqual([mail])
    expect(mails(answer(items(noMail, failed("ErrorItemNotFound"))))).toEqual(
      refused("ErrorInvalidPropertyRequest")
    )
  })

  it("tells the sizes of mails beside them", () => {
    const sized = answer(items(found(message("<t:Size>70000</t:Size>")), found("<t:Message/>")))
    expect(outcome(mailsResponse, sized)).toEqual({ mails: [mail], sizes: new Map([["A", 70_000]]) })
  })

  it("reads the texts of bodies, and overlooks whatever has none", () => {
    const body = (type: string) => found(message(`<t:Body BodyType="${type}"> Hello,\n you </t:Body>`))
    expect(outcome(textBodiesResponse, answer(items(failed("ErrorServerBusy"), body("Text"))))).toEqual(
      new Map([["A", " Hello,\n you "]])
    )
    expect(outcome(textBodiesResponse, answer(items(body("HTML"), found(message("")))))).toEqual(new Map())
    expect(outcome(textBodiesResponse, answer("", 503))).toEqual(busy("HTTP 503"))
  })

  it.each([
    ['IncludesLastItemInRange="true" TotalItemsInView="10"', false],
    ['IncludesLastItemInRange="false" TotalItemsInView="1"', true],
    ['TotalItemsInView="2"', true],
    ['TotalItemsInView="1"', false],
    ["", false]
  ])("knows whether there are more mails than a page holds: %s", (attributes, more) => {
    const page = items(
      `<m:FindItemResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>
        <m:RootFolder ${attributes}><t:Items>${message("")}</t:Items></m:RootFolder></m:FindItemResponseMessage>`
    )
    expect(outcome(missedResponse, answer(page))).toEqual({ mails: [mail], sizes: new Map(), more })
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

  it("does not look for long at what a server offers", () => {
    const endless = answer("", 401, { "www-authenticate": `NTLM, Basic realm="${'\\"'.repeat(200_000)}` })
    expect(offeredSchemes(endless)).toEqual(["NTLM", "Basic"])
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
      unusable("a redirect, which is not followed", 302)
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
        for (const decode of decoders) expect(Either.isEither(decode(site, wild, NOW))).toBe(true)
      })
    )
  })

  it("answers a value or a typed error for bytes and headers of any kind", () => {
    const header = fc.oneof(fc.string(), fc.array(fc.string(), { maxLength: 3 }))
    const any = fc.record({
      status: fc.integer({ min: 100, max: 599 }),
      headers: fc.dictionary(fc.constantFrom("retry-after", "location", "www-authenticate", "x"), header),
      body: fc.oneof(
        fc.uint8Array({ maxLength: 300 }),
        fc.string({ unit: "binary" }).map((text) => Buffer.from(envelope(text)))
      )
    })
    fc.assert(
      fc.property(any, (http) => {
        for (const decode of decoders) expect(Either.isEither(decode(site, http, NOW))).toBe(true)
        versionIn(http)
        gatewayRefusal(site, http, NOW)
      })
    )
  })

  it("puts no code into two groups that exclude each other", () => {
    const transient = [...REDISCOVER_CODES, ...ITEM_CODES, ...VERSION_CODES, ...ADVISED_CODES].filter(
      (code) => TRANSIENT_CODES.has(code)
    )
    expect(transient).toEqual([])
  })

  it.each([
    ["s:Server", busy("Server")],
    ["soap:Client", refused("Client", 500)],
    ["x:ErrorPasswordExpired", refused("ErrorPasswordExpired", 500)],
    ["no \u202E name <b/>", refused("an unreadable code", 500)],
    ["", refused("", 500)]
  ])("reads a fault that has no detail: %s", (code, error) => {
    const fault = `<s:Fault><faultcode>${code}</faultcode><faultstring>secret</faultstring></s:Fault>`
    expect(mails(answer(envelope(fault), 500))).toEqual(error)
  })

  it("reads the code of a SOAP 1.2 fault", () => {
    const fault = "<s:Fault><s:Code><s:Value>s:Receiver</s:Value></s:Code></s:Fault>"
    expect(mails(answer(envelope(fault), 500))).toEqual(busy("Receiver"))
  })

  it("repeats no response code that is no name", () => {
    expect(mails(answer(items(failed("see https://evil.example/?q=1"))))).toEqual(
      refused("an unreadable code")
    )
  })

  it.each([
    [403, { ...site, _tag: "EwsBlocked", status: 403 }],
    [400, { ...site, _tag: "EwsBlocked", status: 400 }],
    [204, busy("Secure Email Gateway has not loaded its policy yet", 30_000)],
    [404, unusable("the EWS proxy is not enabled on the Secure Email Gateway", 404)]
  ])("tells what a Secure Email Gateway says by itself: HTTP %d", (status, error) => {
    expect({ ...gatewayRefusal(site, answer("", status, { "retry-after": "30" }), NOW) }).toEqual(error)
  })

  it.each([200, 401, 500, 503])("takes HTTP %d for Exchange's answer behind a gateway", (status) => {
    expect(gatewayRefusal(site, answer("", status), NOW)).toBeUndefined()
  })

  it("knows after which errors the URL should be looked for anew", () => {
    const error = (http: HttpAnswer) => Either.getOrThrow(Either.flip(mailsResponse(site, http, NOW)))
    const rediscover = [
      answer(items(failed("ErrorNonExistentMailbox"))),
      answer(items(failed("ErrorProxyRequestNotAllowed"))),
      answer("<html></html>", 404),
      answer("", 302)
    ]
    const stay = [
      answer(items(failed("ErrorAccessDenied"))),
      answer(items(failed("ErrorMailboxMoveInProgress"))),
      answer("<html></html>"),
      answer("", 503),
      answer("", 401),
      answer("", 403)
    ]
    expect(rediscover.map((http) => isRediscover(error(http)))).toEqual(rediscover.map(() => true))
    expect(stay.map((http) => isRediscover(error(http)))).toEqual(stay.map(() => false))
  })

  it("says with a refusal what to check, if it knows", () => {
    const told = (code: string) => new EwsRefused({ ...site, responseCode: code, status: 200 }).message
    expect(told("ErrorPasswordExpired")).toBe(
      "exchange.test refused GetItem (ErrorPasswordExpired): the password has expired; change it in Outlook on the web"
    )
    expect(told("ErrorSomethingNew")).toBe("exchange.test refused GetItem (ErrorSomethingNew)")
  })

  const messagesSchema = envelopeSchema.replace("ews-envelope", "messages")
  it.runIf(existsSync(messagesSchema))(
    `groups codes that exist${existsSync(messagesSchema) ? "" : " [SKIPPED: ../shared/ews/schema is not there]"}`,
    () => {
      const schema = readFileSync(messagesSchema, "utf8")
      const groups = [TRANSIENT_CODES, REDISCOVER_CODES, ITEM_CODES, VERSION_CODES, new Set(ADVISED_CODES)]
      const codes = groups.flatMap((group) => [...group])
      expect(codes.filter((code) => !schema.includes(`"${code}"`))).toEqual([])
    }
  )
})
