import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck as fc } from "effect"
import {
  type EwsRequest,
  FOUND_MAX,
  inboxRequest,
  mailsRequest,
  missedRequest,
  soapAction,
  subscribeRequest,
  textBodiesRequest
} from "../../../layers/ews/Requests.ts"
import { child, MESSAGES, readSoap, type SoapElement, TYPES, textOf } from "../../../layers/ews/SoapReader.ts"
import { EXCHANGE_VERSIONS, type ExchangeVersion } from "../../../schemas/EwsMessage.ts"
import type { ItemId, Watermark } from "../../../schemas/Ids.ts"
import { envelopeSchema, olderEnvelopeSchema } from "../../support/EwsSamples.ts"

const hostile = [
  `"><script>&amp;'</t:URL>`,
  "]]><!-- & -->",
  "\0\u0001\u001f\ufffe\uffff",
  "\ud800 alone \udc00",
  "line\nbreak\ttab\rreturn",
  "漢字 🎉 é",
  "&#x0;&lol;"
]
const shapes = [true, false].flatMap((sender) =>
  [true, false].flatMap((subject) => [true, false].map((preview) => ({ sender, subject, preview })))
)

/** A push subscription as Exchange is asked for it. */
const subscribe = (
  version: ExchangeVersion,
  address: string,
  callbackUrl: string,
  statusFrequencyMinutes: number,
  watermark?: string
) =>
  subscribeRequest(version, address, {
    callbackUrl,
    statusFrequencyMinutes,
    watermark: watermark as Watermark | undefined
  })

/** Every kind of request that the code can make. */
const everything: ReadonlyArray<EwsRequest> = EXCHANGE_VERSIONS.flatMap((version) => [
  inboxRequest(version),
  subscribe(version, "ada@example.com", "https://ens.example.com/api?id=1&f=a-b_c&s=d", 15),
  subscribe(
    version,
    "ada@example.com",
    "https://ens.example.com/",
    15,
    "AQAAAOpvG0LURVdOhQkPOWZLPcI8EgAAAAAAAAE="
  ),
  ...[0, 0.4, 1, 1440, 100_000, Number.NaN].map((minutes) =>
    subscribe(version, "a@b", "https://c/", minutes)
  ),
  ...["", ...hostile].map((text) => subscribe(version, text || "a@b", text, 15, text)),
  textBodiesRequest(version, ["AAMk/+==" as ItemId, ...(hostile as Array<ItemId>)]),
  ...shapes.flatMap((shape) => [
    mailsRequest(version, ["AAMk/+==" as ItemId, ...(hostile as Array<ItemId>)], shape),
    missedRequest(version, Date.UTC(2026, 10, 22), 20, shape)
  ]),
  ...[Number.NaN, Number.NEGATIVE_INFINITY, -1, 0, 1e300].map((odd) =>
    missedRequest(version, odd, odd, shapes[0]!)
  )
])

const xmllint = spawnSync("xmllint", ["--version"]).error === undefined && existsSync(envelopeSchema)
const skipped = xmllint ? "" : " [SKIPPED: xmllint or ../shared/ews/schema is not there]"

/** Those of the documents that xmllint finds invalid, by their place. */
const invalid = (schema: string, documents: ReadonlyArray<string>): ReadonlyArray<number> => {
  const folder = mkdtempSync(join(tmpdir(), "ens-requests-"))
  try {
    const files = documents.map((document, index) => {
      const file = join(folder, `${index}.xml`)
      writeFileSync(file, document)
      return file
    })
    const { stderr } = spawnSync("xmllint", ["--noout", "--nonet", "--schema", schema, ...files], {
      encoding: "utf8",
      maxBuffer: 64 * 1024 * 1024
    })
    const verdicts = new Set(stderr.split("\n"))
    return files.flatMap((file, index) => (verdicts.has(`${file} validates`) ? [] : [index]))
  } finally {
    rmSync(folder, { recursive: true })
  }
}
const broken = inboxRequest("Exchange2013").body.replace("IdOnly", "Everything")

const read = (request: EwsRequest): SoapElement => Either.getOrThrow(readSoap(request.body, 100_000))
const push = (request: EwsRequest) => child(read(request), MESSAGES, "PushSubscriptionRequest")
const folder = (request: EwsRequest) =>
  child(child(push(request), TYPES, "FolderIds"), TYPES, "DistinguishedFolderId")
const fields = (request: EwsRequest) =>
  child(child(read(request), MESSAGES, "ItemShape"), TYPES, "AdditionalProperties")?.children.map((field) =>
    field.attributes.get("FieldURI")
  )

/** The production Char of XML 1.0. */
const allowed = (code: number) =>
  [9, 10, 13].includes(code) ||
  (code >= 0x20 && code <= 0xd7ff) ||
  (code >= 0xe000 && code <= 0xfffd) ||
  code >= 0x10000

describe("Requests", () => {
  it.runIf(xmllint)(`are all valid against Microsoft's schemas, whatever the values${skipped}`, () => {
    const documents = everything.map(({ body }) => body)
    expect(invalid(envelopeSchema, [...documents, broken])).toEqual([documents.length])
  })

  it.runIf(xmllint)(`are all valid against the schemas of Exchange 2013 SP1 too${skipped}`, () => {
    // This schema allows one version only; the bodies are what is looked at.
    const documents = [...everything.map(({ body }) => body), broken].map((body) =>
      body.replace(/RequestServerVersion Version="\w+"/, 'RequestServerVersion Version="Exchange2013_SP1"')
    )
    expect(invalid(olderEnvelopeSchema, documents)).toEqual([documents.length - 1])
  })

  it("asks for a push subscription on the Inbox of the address, and for no event that is not used", () => {
    const request = subscribe("Exchange2010_SP2", "ada@example.com", "https://ens/?id=1&f=2", 15)
    expect(folder(request)?.attributes.get("Id")).toBe("inbox")
    expect(textOf(child(folder(request), TYPES, "Mailbox"), TYPES, "EmailAddress")).toBe("ada@example.com")
    expect(child(push(request), TYPES, "EventTypes")?.children.map((event) => event.text)).toEqual([
      "CreatedEvent",
      "DeletedEvent",
      "ModifiedEvent",
      "MovedEvent",
      "NewMailEvent"
    ])
    expect(textOf(push(request), TYPES, "URL")).toBe("https://ens/?id=1&f=2")
    expect(soapAction(request.operation)).toBe(`"${MESSAGES}/Subscribe"`)
  })

  it.each([
    [0.05, "1"],
    [1, "1"],
    [14.6, "15"],
    [5000, "1440"]
  ])("tells Exchange a status frequency that it accepts: %d minutes as %s", (minutes, told) => {
    expect(
      textOf(push(subscribe("Exchange2013", "a@b", "https://c", minutes)), TYPES, "StatusFrequency")
    ).toBe(told)
  })

  it("names no mailbox when it asks whose Inbox it is", () => {
    const [inbox] = child(read(inboxRequest("Exchange2013")), MESSAGES, "FolderIds")?.children ?? []
    expect(inbox?.attributes.get("Id")).toBe("inbox")
    expect(inbox?.children).toEqual([])
  })

  it("asks for the details that are wanted and for no others, and for a preview where the version has one", () => {
    const always = ["item:ParentFolderId", "item:DateTimeReceived", "message:IsRead"]
    const asked = (
      version: (typeof EXCHANGE_VERSIONS)[number],
      sender: boolean,
      subject: boolean,
      preview: boolean
    ) => fields(mailsRequest(version, ["A" as ItemId], { sender, subject, preview }))
    expect(asked("Exchange2013", false, false, false)).toEqual(always)
    expect(asked("Exchange2013", true, false, false)).toEqual([...always, "message:From", "message:Sender"])
    expect(asked("Exchange2013", false, true, true)).toEqual([...always, "item:Subject", "item:Preview"])
    expect(asked("Exchange2010_SP2", false, false, true)).toEqual([...always, "item:Size"])
  })

  it("resumes after a watermark if there is one", () => {
    const watermark = (given: string | undefined) =>
      textOf(push(subscribe("Exchange2013", "a@b", "https://c", 15, given)), TYPES, "Watermark")
    expect(watermark("AQAA=")).toBe("AQAA=")
    expect(
      push(subscribe("Exchange2013", "a@b", "https://c", 15, ""))?.children.map((one) => one.local)
    ).toEqual(["FolderIds", "EventTypes", "StatusFrequency", "URL"])
  })

  it("asks for the texts of bodies, of whatever kind they are", () => {
    const request = textBodiesRequest("Exchange2010", ["A" as ItemId])
    expect(fields(request)).toEqual(["item:Body"])
    expect(textOf(child(read(request), MESSAGES, "ItemShape"), TYPES, "BodyType")).toBe("Text")
  })

  it("looks for unread mails of the caller's own Inbox since a time, newest first", () => {
    const request = missedRequest("Exchange2013", Date.UTC(2026, 10, 22, 3, 47), 1000, shapes.at(-1)!)
    const find = read(request)
    expect(find.attributes.get("Traversal")).toBe("Shallow")
    expect(child(find, MESSAGES, "IndexedPageItemView")?.attributes.get("MaxEntriesReturned")).toBe(
      String(FOUND_MAX)
    )
    expect(fields(request)).toEqual(["item:ParentFolderId", "item:DateTimeReceived", "message:IsRead"])
    const conditions = child(child(find, MESSAGES, "Restriction"), TYPES, "And")?.children.map(
      (condition) => [
        condition.local,
        child(condition, TYPES, "FieldURI")?.attributes.get("FieldURI"),
        child(child(condition, TYPES, "FieldURIOrConstant"), TYPES, "Constant")?.attributes.get("Value")
      ]
    )
    expect(conditions).toEqual([
      ["IsEqualTo", "message:IsRead", "false"],
      ["IsGreaterThanOrEqualTo", "item:DateTimeReceived", "2026-11-22T03:47:00.000Z"]
    ])
    const order = child(child(find, MESSAGES, "SortOrder"), TYPES, "FieldOrder")
    expect(order?.attributes.get("Order")).toBe("Descending")
    expect(child(find, MESSAGES, "ParentFolderIds")?.children[0]?.children).toEqual([])
  })

  it("carries every text unchanged, save for characters that XML cannot hold", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom(...hostile)), (text) => {
        const marked = `x${text}x`
        const expected = [...marked].map((one) => (allowed(one.codePointAt(0)!) ? one : "\uFFFD")).join("")
        const items = child(
          read(mailsRequest("Exchange2013", [marked as ItemId], shapes[0]!)),
          MESSAGES,
          "ItemIds"
        )
        expect(items?.children[0]?.attributes.get("Id")).toBe(expected)
        const address = child(folder(subscribe("Exchange2013", marked, "u", 15)), TYPES, "Mailbox")
        expect(textOf(address, TYPES, "EmailAddress")).toBe(expected)
      })
    )
  })
})
