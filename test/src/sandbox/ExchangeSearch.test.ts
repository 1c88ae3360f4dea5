import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { missedRequest } from "../../../layers/ews/Requests.ts"
import { makeExchange } from "../../../src/sandbox/Exchange.ts"
import { texts } from "./support/CallbackListener.ts"
import { ALICE, basic, codes, ews, findItemXml, PASSWORD } from "./support/SoapClient.ts"

const at = (hour: number) => new Date(Date.UTC(2026, 0, 1, hour))

/** Five mails at 1 to 5 o'clock, delivered in another order; that of 3 is read. */
const inbox = Effect.gen(function* () {
  const exchange = yield* makeExchange({ mailboxes: [{ address: ALICE, password: PASSWORD }] })
  for (const hour of [2, 5, 1, 3, 4])
    yield* exchange.deliver({
      to: ALICE,
      from: "bob@corp.example",
      subject: `at ${hour}`,
      body: "a body",
      receivedAt: at(hour),
      isRead: hour === 3
    })
  const find = (parts: Parameters<typeof findItemXml>[0]) => ews(exchange, findItemXml(parts))
  return { exchange, find }
})

const compare = (how: string, uri: string, value: string) =>
  `<t:${how}><t:FieldURI FieldURI="${uri}"/><t:FieldURIOrConstant><t:Constant Value="${value}"/></t:FieldURIOrConstant></t:${how}>`
const UNREAD = compare("IsEqualTo", "message:IsRead", "false")
const since = (hour: number) =>
  compare("IsGreaterThanOrEqualTo", "item:DateTimeReceived", at(hour).toISOString())
const sorted = (order: string) =>
  `<t:FieldOrder Order="${order}"><t:FieldURI FieldURI="item:DateTimeReceived"/></t:FieldOrder>`

describe("a search", () => {
  it.scopedLive("finds what the restriction lets through, in the order asked for", () =>
    Effect.gen(function* () {
      const { find } = yield* inbox
      const subjects = (restriction: string, order: string) =>
        find({ restriction, order: sorted(order) }).pipe(
          Effect.map((answer) => texts(answer.text, "Subject"))
        )
      expect(yield* subjects(`<t:And>${UNREAD}${since(2)}</t:And>`, "Descending")).toEqual([
        "at 5",
        "at 4",
        "at 2"
      ])
      expect(yield* subjects(`<t:Not>${UNREAD}</t:Not>`, "Ascending")).toEqual(["at 3"])
      const early = compare("IsLessThan", "item:DateTimeReceived", at(2).toISOString())
      expect(yield* subjects(`<t:Or>${early}${since(4)}</t:Or>`, "Ascending")).toEqual([
        "at 1",
        "at 4",
        "at 5"
      ])
    })
  )

  it.scopedLive("shows a page, and says whether there is more", () =>
    Effect.gen(function* () {
      const { find } = yield* inbox
      const page = (attributes: string) =>
        find({ page: attributes, order: sorted("Ascending") }).pipe(
          Effect.map(({ text }) => [
            texts(text, "Subject"),
            /TotalItemsInView="(\d+)" IncludesLastItemInRange="(\w+)"/.exec(text)?.slice(1)
          ])
        )
      expect(yield* page('MaxEntriesReturned="2" Offset="1" BasePoint="Beginning"')).toEqual([
        ["at 2", "at 3"],
        ["5", "false"]
      ])
      expect(yield* page('MaxEntriesReturned="2" Offset="3" BasePoint="Beginning"')).toEqual([
        ["at 4", "at 5"],
        ["5", "true"]
      ])
      expect(yield* page('MaxEntriesReturned="2" Offset="0" BasePoint="End"')).toEqual([
        ["at 4", "at 5"],
        ["5", "false"]
      ])
      expect(yield* page('MaxEntriesReturned="2" Offset="9" BasePoint="Beginning"')).toEqual([
        [],
        ["5", "true"]
      ])
    })
  )

  it.scopedLive("refuses what it does not know, and never gives a body", () =>
    Effect.gen(function* () {
      const { find } = yield* inbox
      const unknown = compare("IsEqualTo", "item:Importance", "High")
      expect(codes(yield* find({ restriction: unknown }))).toEqual(["ErrorUnsupportedPathForQuery"])
      expect(codes(yield* find({ restriction: `<t:And>${UNREAD}${unknown}</t:And>` }))).toEqual([
        "ErrorUnsupportedPathForQuery"
      ])
      expect(codes(yield* find({ fields: ["item:Body"] }))).toEqual(["ErrorInvalidPropertyRequest"])
      const whole = yield* find({ shape: "Default" })
      expect(codes(whole)).toEqual(["NoError"])
      expect(whole.text).not.toContain("a body")
    })
  )

  it.scopedLive("answers the service's own question for missed mails", () =>
    Effect.gen(function* () {
      const { exchange } = yield* inbox
      const shape = { sender: true, subject: true, preview: true }
      const ask = (version: "Exchange2010_SP1" | "Exchange2016") =>
        Effect.promise(() =>
          fetch(exchange.url, {
            method: "POST",
            headers: { authorization: basic(ALICE, PASSWORD) },
            body: missedRequest(version, at(2).getTime(), 2, shape).body
          }).then((response) => response.text())
        )
      for (const version of ["Exchange2010_SP1", "Exchange2016"] as const) {
        const text = yield* ask(version)
        expect(texts(text, "ResponseCode")).toEqual(["NoError"])
        expect(texts(text, "Subject")).toEqual(["at 5", "at 4"])
        expect(text).toContain('IncludesLastItemInRange="false"')
      }
    })
  )
})
