import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeExchange } from "../../../src/sandbox/Exchange.ts"
import { makeListener } from "./support/CallbackListener.ts"
import {
  ALICE,
  envelope,
  ews,
  findItemXml,
  getFolderXml,
  getItemXml,
  inboxOf,
  PASSWORD,
  type SoapAnswer,
  subscribeXml
} from "./support/SoapClient.ts"
import { schemaErrors, whyNoSchema } from "./support/Xmllint.ts"

if (whyNoSchema !== undefined)
  console.warn(`SKIPPED: documents are not checked against the EWS schema: ${whyNoSchema}`)
const compared = (how: string, uri: string, value: string) =>
  `<t:${how}><t:FieldURI FieldURI="${uri}"/><t:FieldURIOrConstant><t:Constant Value="${value}"/></t:FieldURIOrConstant></t:${how}>`
const UNREAD = compared("IsEqualTo", "message:IsRead", "false")
const RECENT = compared("IsGreaterThanOrEqualTo", "item:DateTimeReceived", "2026-01-01T00:00:00Z")
const skipped = whyNoSchema === undefined ? "" : ` [SKIPPED: ${whyNoSchema}]`

it.scopedLive.skipIf(whyNoSchema !== undefined)(
  `everything the stand-in says is valid against Microsoft's schema${skipped}`,
  () =>
    Effect.gen(function* () {
      const exchange = yield* makeExchange({
        mailboxes: [{ address: ALICE, password: PASSWORD, displayName: "Alice & <A>" }]
      })
      const listener = yield* makeListener
      const answers: Array<string> = []
      const requests: Array<string> = []
      const ask = (body: string, version = "Exchange2016") =>
        ews(exchange, body, { version }).pipe(
          Effect.tap((answer: SoapAnswer) => {
            answers.push(answer.text)
            requests.push(envelope(body, version))
          })
        )
      yield* ask(subscribeXml(`${listener.url}?a=1&b=2`))
      yield* exchange.until(() => exchange.deliveries().length === 1)
      const read = yield* exchange.deliver({
        to: ALICE,
        from: "b@x.example",
        fromName: "B <&>",
        subject: "\u0001 ü 😀 ]]>",
        body: "x"
      })
      yield* exchange.markRead(ALICE, read)
      const moved = (yield* exchange.move(ALICE, read, "drafts")) ?? ""
      const gone = yield* exchange.deliver({ to: ALICE, from: "b@x.example", subject: "", body: "" })
      yield* exchange.delete(ALICE, gone)
      const kept = yield* exchange.deliver({ to: ALICE, from: "b@x.example", subject: "s", body: "b" })

      yield* ask(getItemXml([kept, moved, gone, "x"], [], "AllProperties"))
      yield* ask(getItemXml([kept], ["item:Preview", "message:From", "message:IsRead"], "Default"))
      yield* ask(getItemXml([kept], ["item:Preview"]), "Exchange2010")
      yield* ask(
        getFolderXml(
          `${inboxOf()}${inboxOf("no@x.example")}<t:DistinguishedFolderId Id="root"/>`,
          "AllProperties"
        )
      )
      yield* ask(
        `<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>Default</t:BaseShape></m:ItemShape><m:IndexedPageItemView MaxEntriesReturned="1" Offset="0" BasePoint="Beginning"/><m:ParentFolderIds>${inboxOf()}</m:ParentFolderIds></m:FindItem>`
      )
      yield* ask(
        '<m:ResolveNames ReturnFullContactData="false"><m:UnresolvedEntry>alice</m:UnresolvedEntry></m:ResolveNames>'
      )
      yield* ask(
        '<m:ResolveNames ReturnFullContactData="false"><m:UnresolvedEntry>zoe</m:UnresolvedEntry></m:ResolveNames>'
      )
      yield* ask(
        '<m:ConvertId DestinationFormat="EntryId"><m:SourceIds><t:AlternateId Format="EwsId" Id="x" Mailbox="y"/></m:SourceIds></m:ConvertId>'
      )
      yield* ask("<m:Unsubscribe><m:SubscriptionId>x</m:SubscriptionId></m:Unsubscribe>")
      yield* exchange.addFault({ kind: "busy", backOffMilliseconds: 1, times: 1 })
      yield* exchange.addFault({ kind: "busy", form: "response", backOffMilliseconds: 1, times: 1 })
      yield* exchange.addFault({ kind: "error", responseCode: "ErrorMailboxMoveInProgress", times: 1 })
      for (let n = 0; n < 3; n++) yield* ask(getItemXml([kept], []))
      yield* ask(
        findItemXml({
          fields: ["item:Preview", "item:DateTimeReceived", "message:IsRead", "item:Size"],
          page: 'MaxEntriesReturned="2" Offset="0" BasePoint="Beginning"',
          restriction: `<t:And>${UNREAD}${RECENT}</t:And>`,
          order:
            '<t:FieldOrder Order="Descending"><t:FieldURI FieldURI="item:DateTimeReceived"/></t:FieldOrder>'
        })
      )
      yield* ask(findItemXml({ fields: ["item:Body"] }))
      yield* exchange.moveMailbox(ALICE, {
        seconds: 60,
        afterwards: "redirect",
        status: 302,
        subscriptions: "silence"
      })
      yield* ask(getItemXml([kept], []))
      yield* exchange.until(() => exchange.deliveries().some((one) => one.itemIds.includes(kept)))

      const callbacks = listener.received.map((callback) => callback.body)
      const reported = exchange.deliveries().flatMap((one) => one.events)
      expect(new Set(reported)).toEqual(
        new Set([
          "StatusEvent",
          "CreatedEvent",
          "NewMailEvent",
          "ModifiedEvent",
          "MovedEvent",
          "DeletedEvent"
        ])
      )
      expect(schemaErrors(requests)).toBe("")
      expect(schemaErrors([...answers, ...callbacks])).toBe("")
    })
)

it.scopedLive.skipIf(whyNoSchema !== undefined)(
  `an old Exchange's answers are valid, too, and those to a client that lost its cookie${skipped}`,
  () =>
    Effect.gen(function* () {
      const exchange = yield* makeExchange({
        serverVersion: "2010_SP1",
        mailboxes: [{ address: ALICE, password: PASSWORD }]
      })
      const mail = yield* exchange.deliver({ to: ALICE, from: "b@x.example", subject: "s", body: "b" })
      const headers = { "client-request-id": "work" }
      const ask = (body: string, version = "Exchange2010_SP1", more: Readonly<Record<string, string>> = {}) =>
        ews(exchange, body, { version, headers: { ...headers, ...more } }).pipe(
          Effect.map((answer) => answer.text)
        )
      yield* exchange.addFault({ kind: "affinity" })
      const answers = [
        yield* ask(getItemXml([mail], ["item:Size", "item:Body"])),
        yield* ask(getItemXml([mail], ["item:Preview"])),
        yield* ask(getItemXml([mail], []), "Exchange2016"),
        yield* ask(getItemXml([mail], []), "Exchange2010", { "x-preferserveraffinity": "true" }),
        yield* ask(getItemXml([mail], []))
      ]
      expect(answers.at(-1)).toContain("ErrorProxyRequestNotAllowed")
      expect(schemaErrors(answers)).toBe("")
    })
)

it.skipIf(whyNoSchema !== undefined)(`the schema check can fail${skipped}`, () => {
  expect(schemaErrors([envelope("<m:GetFolder><m:Nonsense/></m:GetFolder>", "Exchange2016")])).toContain(
    "Nonsense"
  )
})
