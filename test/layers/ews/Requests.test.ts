import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck as fc } from "effect"
import {
  type EwsRequest,
  inboxRequest,
  mailsRequest,
  soapAction,
  subscribeRequest
} from "../../../layers/ews/Requests.ts"
import { child, MESSAGES, readSoap, type SoapElement, TYPES, textOf } from "../../../layers/ews/SoapReader.ts"
import { EXCHANGE_VERSIONS } from "../../../schemas/EwsMessage.ts"
import type { ItemId } from "../../../schemas/Ids.ts"
import { envelopeSchema } from "../../support/EwsSamples.ts"

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

/** Every kind of request that the code can make. */
const everything: ReadonlyArray<EwsRequest> = EXCHANGE_VERSIONS.flatMap((version) => [
  inboxRequest(version),
  subscribeRequest(version, "ada@example.com", "https://ens.example.com/api?id=1&f=a-b_c&s=d", 15),
  ...[0, 0.4, 1, 1440, 100_000].map((minutes) => subscribeRequest(version, "a@b", "https://c/", minutes)),
  ...hostile.map((text) => subscribeRequest(version, text, text, 15)),
  ...shapes.map((shape) =>
    mailsRequest(version, ["AAMk/+==" as ItemId, ...(hostile as Array<ItemId>)], shape)
  )
])

const xmllint = spawnSync("xmllint", ["--version"]).error === undefined && existsSync(envelopeSchema)
const skipped = xmllint ? "" : " [SKIPPED: xmllint or ../shared/ews/schema is not there]"

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
    const folder = mkdtempSync(join(tmpdir(), "ens-requests-"))
    try {
      const files = everything.map(({ body }, index) => {
        const file = join(folder, `${index}.xml`)
        writeFileSync(file, body)
        return file
      })
      const broken = join(folder, "broken.xml")
      writeFileSync(broken, inboxRequest("Exchange2013").body.replace("IdOnly", "Everything"))
      const verdict = spawnSync(
        "xmllint",
        ["--noout", "--nonet", "--schema", envelopeSchema, ...files, broken],
        {
          encoding: "utf8"
        }
      )
      const failed = verdict.stderr.split("\n").filter((line) => line.endsWith(" fails to validate"))
      expect(failed).toEqual([`${broken} fails to validate`])
      expect(verdict.stderr.split("\n").filter((line) => line.endsWith(" validates")).length).toBe(
        files.length
      )
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it("asks for a push subscription on the Inbox of the address, and for no event that is not used", () => {
    const request = subscribeRequest("Exchange2010_SP2", "ada@example.com", "https://ens/?id=1&f=2", 15)
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
      textOf(push(subscribeRequest("Exchange2013", "a@b", "https://c", minutes)), TYPES, "StatusFrequency")
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
    expect(asked("Exchange2010_SP2", false, false, true)).toEqual(always)
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
        const address = child(folder(subscribeRequest("Exchange2013", marked, "u", 15)), TYPES, "Mailbox")
        expect(textOf(address, TYPES, "EmailAddress")).toBe(expected)
      })
    )
  })
})
