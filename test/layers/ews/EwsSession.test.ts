import { describe, expect, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import type { EwsAccount } from "../../../layers/ews/Ews.ts"
import * as EwsClient from "../../../layers/ews/EwsClient.ts"
import { EwsTimeout } from "../../../schemas/EwsError.ts"
import type { ItemId, Watermark } from "../../../schemas/Ids.ts"
import { openSession, timedAccount } from "../../support/EwsCaller.ts"
import {
  answer,
  type ScriptedSessions,
  type SentRequest,
  scriptedSessions,
  type Turn
} from "../../support/ScriptedSessions.ts"
import { envelope, failure, inbox, item, message, responses, success } from "../../support/SoapText.ts"

const PLACE = "https://mail.example.com/EWS/Exchange.asmx"
const all = { sender: true, subject: true, preview: true }
const old = { exchangeVersion: "Exchange2010_SP2" } as const

const sessionOf = (changes: Parameters<typeof timedAccount>[1] = {}) =>
  sessionFor(timedAccount(PLACE, changes))
const sessionFor = (account: EwsAccount) => {
  const http = scriptedSessions()
  return openSession(account).pipe(
    Effect.provide(EwsClient.layer),
    Effect.provide(http.layer),
    Effect.map((exchange) => ({ http, exchange }))
  )
}

const ids = (count: number) => Array.from({ length: count }, (_, index) => `item-${index}` as ItemId)
const idsIn = ({ body }: SentRequest) => [...body.matchAll(/<t:ItemId Id="([^"]*)"/g)].map(([, id]) => id!)
const items = (...messages: ReadonlyArray<string>) => answer(200, envelope(responses("GetItem", ...messages)))
const asksForText = ({ body }: SentRequest) => body.includes("item:Body")

/** A server of before 2013 with mails of these sizes, whose texts are as given. */
const olderServer =
  (sizes: Readonly<Record<string, number>>, texts: Readonly<Record<string, string>>, more = ""): Turn =>
  (request) =>
    items(
      ...idsIn(request).map((id) =>
        asksForText(request)
          ? texts[id] === undefined
            ? failure("ErrorItemCorrupt")
            : item(id, `<t:Body BodyType="Text">${texts[id]}</t:Body>`)
          : item(id, `<t:Size>${sizes[id] ?? 1000}</t:Size>${more}`)
      )
    )(request)

const previews = (mails: ReadonlyArray<{ readonly itemId: string; readonly preview: string | undefined }>) =>
  Object.fromEntries(mails.map(({ itemId, preview }) => [itemId, preview]))

describe("a session with Exchange", () => {
  it.scoped("names the mailbox in every request, and asks to stay with the server from Subscribe on", () =>
    Effect.gen(function* () {
      const { exchange, http } = yield* sessionOf()
      http.script(answer(200, inbox(3)))
      yield* exchange.inbox(1000)
      yield* Effect.either(
        exchange.subscribe(
          { callbackUrl: "https://ens/", statusFrequencyMinutes: 15, watermark: undefined },
          1000
        )
      )
      yield* exchange.inbox(1000)
      expect(http.sent.map(({ headers }) => headers["x-anchormailbox"])).toEqual(
        Array(3).fill("ada@example.com")
      )
      expect(http.sent.map(({ headers }) => headers["x-preferserveraffinity"])).toEqual([
        undefined,
        "true",
        "true"
      ])
    })
  )

  it.scoped("names no mailbox that a header cannot hold", () =>
    Effect.gen(function* () {
      for (const address of [
        "jörg@example.com",
        "a b@example.com",
        "a@b\r\nx-evil: 1",
        `${"a".repeat(400)}@b`
      ]) {
        const { exchange, http } = yield* sessionOf({ credentials: { address, password: "x" } })
        http.script(answer(200, inbox(3)))
        yield* exchange.inbox(1000)
        expect(http.sent[0]?.headers).not.toHaveProperty("x-anchormailbox")
      }
    })
  )

  it.scoped("resumes after a watermark, and says when Exchange does not know it", () =>
    Effect.gen(function* () {
      const { exchange, http } = yield* sessionOf()
      http.script(answer(200, envelope(responses("Subscribe", failure("ErrorInvalidWatermark")))))
      const watermark = "AQAA=" as Watermark
      const error = yield* Effect.flip(
        exchange.subscribe({ callbackUrl: "https://ens/", statusFrequencyMinutes: 15, watermark }, 1000)
      )
      expect(error).toMatchObject({ _tag: "EwsRefused", responseCode: "ErrorInvalidWatermark" })
      expect(http.sent[0]?.body).toContain("<t:Watermark>AQAA=</t:Watermark>")
    })
  )

  it.scoped("asks for few mails at a time, within the time of the one call", () =>
    Effect.gen(function* () {
      const { exchange, http } = yield* sessionOf()
      const turn: Turn = (request) =>
        Effect.zipRight(TestClock.adjust(100), items(...idsIn(request).map((id) => item(id)))(request))
      http.script(turn)
      const mails = yield* exchange.mails(ids(60), all, 1000)
      expect(mails.map(({ itemId }) => itemId)).toEqual(ids(60))
      expect(http.sent.map((request) => [idsIn(request).length, request.timeout])).toEqual([
        [25, 1000],
        [25, 900],
        [10, 800]
      ])
      expect(yield* exchange.mails([], all, 1000)).toEqual([])
      expect(http.sent.length).toBe(3)
    })
  )

  it.scoped(
    "answers no mails at all if some could not be asked for, because missing ones count as gone",
    () =>
      Effect.gen(function* () {
        const { exchange, http } = yield* sessionOf()
        http.script((request) => items(...idsIn(request).map((id) => item(id)))(request), answer(503))
        expect(yield* Effect.flip(exchange.mails(ids(30), all, 1000))).toMatchObject({ _tag: "EwsBusy" })
      })
  )

  it.scoped("takes what a Secure Email Gateway says for the gateway's, only where there is one", () =>
    Effect.gen(function* () {
      for (const [seg, tag] of [
        [true, "EwsBlocked"],
        [false, "EwsForbidden"]
      ] as const) {
        const { exchange, http } = yield* sessionOf({ endpoint: { seg } })
        http.script(answer(403))
        expect(yield* Effect.flip(exchange.inbox(1000))).toMatchObject({
          _tag: tag,
          host: "mail.example.com"
        })
      }
    })
  )
})

describe("mails that were missed", () => {
  const page = (last: boolean, ...found: ReadonlyArray<string>) =>
    answer(
      200,
      envelope(
        responses(
          "FindItem",
          success(
            `<m:RootFolder IncludesLastItemInRange="${last}" TotalItemsInView="9"><t:Items>${found.join("")}</t:Items></m:RootFolder>`
          )
        )
      )
    )

  for (const [date, clock] of [
    ["Sun, 22 Nov 2026 10:00:07 GMT", Date.UTC(2026, 10, 22, 10, 0, 7)],
    ["soon", undefined],
    [undefined, undefined]
  ] as const) {
    it.scoped(`come with the server's time, if it says Date: ${date}`, () =>
      Effect.gen(function* () {
        const { exchange, http } = yield* sessionOf()
        http.script((request) => Effect.map(page(true)(request), (read) => ({ ...read, headers: { date } })))
        const shape = { sender: false, subject: false, preview: false }
        expect((yield* exchange.missed(0, 20, shape, 1000)).clock).toBe(clock)
      })
    )
  }

  it.scoped("are found in the own Inbox, in the server's order, and it is told if there are more", () =>
    Effect.gen(function* () {
      const { exchange, http } = yield* sessionOf()
      http.script(page(true, message("B"), message("A")), page(false, message("B")))
      const shape = { sender: false, subject: false, preview: false }
      const missed = yield* exchange.missed(0, 20, shape, 1000)
      expect([missed.mails.map(({ itemId }) => itemId), missed.more]).toEqual([["B", "A"], false])
      expect((yield* exchange.missed(0, 20, shape, 1000)).more).toBe(true)
      expect(http.sent[0]?.headers["soapaction"]).toMatch(/FindItem"$/)
      expect(http.sent[0]?.body).toContain('MaxEntriesReturned="20"')
    })
  )

  it.scoped("are no more than were asked for, whatever the server answers", () =>
    Effect.gen(function* () {
      const { exchange, http } = yield* sessionOf()
      http.script(page(true, message("C"), message("B"), message("A")))
      const missed = yield* exchange.missed(0, 2, all, 1000)
      expect([missed.mails.length, missed.more]).toEqual([2, true])
    })
  )

  it.scoped("have a preview from servers that know none", () =>
    Effect.gen(function* () {
      const { exchange, http } = yield* sessionOf(old)
      http.script(page(true, message("A", "<t:Size>100</t:Size>")), olderServer({}, { A: "Hello" }))
      expect(previews((yield* exchange.missed(0, 20, all, 1000)).mails)).toEqual({ A: "Hello" })
    })
  )
})

describe("previews where the version has none", () => {
  it.scoped("are the beginnings of texts, in one line", () =>
    Effect.gen(function* () {
      const { exchange, http } = yield* sessionOf(old)
      http.script(olderServer({}, { "item-0": "\n Hello,\r\n\tAda!\u00a0 ", "item-1": " \n " }))
      expect(previews(yield* exchange.mails(ids(2), all, 1000))).toEqual({
        "item-0": "Hello, Ada!",
        "item-1": undefined
      })
      expect(http.sent.map(asksForText)).toEqual([false, true])
    })
  )

  it.scoped("are asked for only of small mails, only of unread ones, and of few", () =>
    Effect.gen(function* () {
      const { exchange, http } = yield* sessionOf(old)
      http.script(olderServer({ "item-0": 65_537, "item-1": 65_536 }, {}))
      yield* exchange.mails(ids(40), all, 1000)
      expect(idsIn(http.sent[2]!)).toEqual(ids(40).slice(1, 11))
      http.script(olderServer({}, {}, "<t:IsRead>true</t:IsRead>"))
      yield* exchange.mails(ids(1), all, 1000)
      expect(http.sent.length).toBe(4)
    })
  )

  it.scoped("are not asked for if nobody may see them, nor from servers that make them", () =>
    Effect.gen(function* () {
      const { exchange, http } = yield* sessionOf(old)
      http.script(olderServer({}, {}))
      yield* exchange.mails(ids(1), { ...all, preview: false }, 1000)
      expect(http.sent.length).toBe(1)
      expect(http.sent[0]?.body).not.toContain("item:Size")
      const newer = yield* sessionOf()
      newer.http.script(items(item("item-0", "<t:Preview>Hello</t:Preview>")))
      expect(previews(yield* newer.exchange.mails(ids(1), all, 1000))).toEqual({ "item-0": "Hello" })
      expect(newer.http.sent.length).toBe(1)
    })
  )

  const failures: ReadonlyArray<readonly [string, Turn]> = [
    ["is busy", answer(503)],
    ["refuses", answer(200, envelope(responses("GetItem", failure("ErrorAccessDenied"))))],
    ["refuses the log-in", answer(401)],
    [
      "is silent",
      (request) =>
        Effect.zipRight(
          TestClock.adjust(request.timeout),
          Effect.fail(new EwsTimeout({ operation: "GetItem", host: "x", milliseconds: request.timeout }))
        )
    ]
  ]
  it.scoped.each(failures)("cost the mails nothing when Exchange %s", ([, turn]) =>
    Effect.gen(function* () {
      const { exchange, http } = yield* sessionOf(old)
      http.script(olderServer({}, {}, "<t:Subject>S</t:Subject>"), turn)
      const mails = yield* exchange.mails(ids(1), all, 1000)
      expect(mails).toMatchObject([{ itemId: "item-0", subject: "S", preview: undefined }])
      // The other half of the time is the caller's.
      expect(textRequest(http)?.timeout).toBe(500)
    })
  )
})

const textRequest = (http: ScriptedSessions) => http.sent.find(asksForText)
