import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { type AllowedEndpoint, EwsUrlNotAllowed } from "../../../layers/ews/EndpointPolicy.ts"
import type { EwsAccount } from "../../../layers/ews/Ews.ts"
import * as EwsClient from "../../../layers/ews/EwsClient.ts"
import { openSession, timedAccount } from "../../support/EwsCaller.ts"
import { answer, scriptedSessions, type Turn } from "../../support/ScriptedSessions.ts"
import { inbox } from "../../support/SoapText.ts"

const HERE = "https://mail.example.com/EWS/Exchange.asmx"
const THERE = "https://site2.example.com/ews/exchange.asmx"

/** A session of this account, and what it sends. */
const sessionOf = (account: EwsAccount) => {
  const http = scriptedSessions()
  const session = openSession(account).pipe(Effect.provide(EwsClient.layer), Effect.provide(http.layer))
  return Effect.map(session, (exchange) => ({ http, exchange }))
}
const to = (location: string | undefined, status = 302): Turn =>
  answer(status, "", location === undefined ? {} : { location })
const found = answer(200, inbox(3))
const endpoint = (changes: Partial<AllowedEndpoint>) => ({
  url: HERE,
  listed: true,
  pins: [],
  seg: false,
  ...changes
})

describe("redirects of EWS", () => {
  it.scoped.each([301, 302, 307, 308])("are followed by the same request: HTTP %d", (status) =>
    Effect.gen(function* () {
      const { exchange, http } = yield* sessionOf(timedAccount(HERE))
      http.script(to(THERE, status), found)
      expect((yield* exchange.inbox(1000)).unreadCount).toBe(3)
      const [first, second] = http.sent
      expect(second).toEqual({ ...first, endpoint: endpoint({ url: THERE }), timeout: 1000 })
      expect(second?.method).toBe("POST")
    })
  )

  it.scoped("are remembered for the session, with the pins and the rule of where they lead", () =>
    Effect.gen(function* () {
      const target = endpoint({ url: THERE, pins: ["ab"] })
      const { exchange, http } = yield* sessionOf(timedAccount(HERE, { allow: () => Effect.succeed(target) }))
      http.script(to(THERE), found)
      yield* exchange.inbox(1000)
      yield* exchange.inbox(1000)
      expect(http.sent.slice(1).map((request) => request.endpoint)).toEqual([target, target])
    })
  )

  it.scoped("may be relative, and lose what follows a #", () =>
    Effect.gen(function* () {
      const { exchange, http } = yield* sessionOf(timedAccount(HERE))
      http.script(to("/ews/site2/EXCHANGE.ASMX?a=1#b"), found)
      yield* exchange.inbox(1000)
      expect(http.sent[1]?.endpoint.url).toBe("https://mail.example.com/ews/site2/EXCHANGE.ASMX?a=1")
    })
  )

  const refused: ReadonlyArray<readonly [string, string | undefined, string]> = [
    ["a log-in page", "https://mail.example.com/owa/auth/logon.aspx?url=x", "which is no EWS URL"],
    ["a name that ends alike", "https://mail.example.com/notexchange.asmx", "which is no EWS URL"],
    ["no URL", "https://", "no URL"],
    ["nothing", undefined, "no URL"],
    ["another scheme", "ftp://mail.example.com/EWS/Exchange.asmx", "no URL"],
    ["a URL with a name", "https://a@mail.example.com/EWS/Exchange.asmx", "no URL"],
    ["a URL with a password", "https://a:b@mail.example.com/EWS/Exchange.asmx", "no URL"],
    ["an endless URL", `https://mail.example.com/${"a".repeat(3000)}/exchange.asmx`, "no URL"]
  ]
  it.scoped.each(refused)("are not followed to %s", ([, location, reason]) =>
    Effect.gen(function* () {
      const { exchange, http } = yield* sessionOf(timedAccount(HERE))
      http.script(to(location), found)
      const error = yield* Effect.flip(exchange.inbox(1000))
      expect(error).toMatchObject({
        _tag: "EwsUnusable",
        status: 302,
        reason: expect.stringContaining(reason)
      })
      expect(error.message).not.toContain("url=x")
      expect(http.sent.length).toBe(1)
      // The session is where it was.
      yield* exchange.inbox(1000)
      expect(http.sent[1]?.endpoint.url).toBe(HERE)
    })
  )

  const forbidden: ReadonlyArray<readonly [string, Parameters<typeof timedAccount>[1]]> = [
    ["is not allowed", { allow: () => Effect.fail(new EwsUrlNotAllowed({ host: "site2.example.com" })) }],
    [
      "is another host that nobody listed",
      {
        endpoint: { listed: false },
        allow: (url) => Effect.succeed({ url, listed: false, pins: [], seg: false })
      }
    ],
    ["by-passes the Secure Email Gateway", { endpoint: { seg: true } }]
  ]
  it.scoped.each(forbidden)("are not followed where the target %s", ([, changes]) =>
    Effect.gen(function* () {
      const { exchange, http } = yield* sessionOf(timedAccount(HERE, changes))
      http.script(to(THERE), found)
      expect(yield* Effect.flip(exchange.inbox(1000))).toMatchObject({
        _tag: "EwsUnusable",
        reason: "a redirect to https://site2.example.com, where credentials may not go"
      })
      expect(http.sent.length).toBe(1)
    })
  )

  it.scoped("are followed within a host that nobody listed", () =>
    Effect.gen(function* () {
      const unlisted = (url: string) => Effect.succeed({ url, listed: false, pins: [], seg: false })
      const { exchange, http } = yield* sessionOf(
        timedAccount(HERE, { endpoint: { listed: false }, allow: unlisted })
      )
      http.script(to("/other/Exchange.asmx"), found)
      expect((yield* exchange.inbox(1000)).unreadCount).toBe(3)
    })
  )

  it.scoped("end after three in one session, so that none goes round", () =>
    Effect.gen(function* () {
      const { exchange, http } = yield* sessionOf(timedAccount(HERE))
      http.script(to(THERE), to(HERE), found)
      yield* exchange.inbox(1000)
      http.script(to(THERE), to(HERE))
      expect(yield* Effect.flip(exchange.inbox(1000))).toMatchObject({ reason: "too many redirects" })
      expect(http.sent.length).toBe(5)
    })
  )

  it.scoped("by 303 are none: nothing can be fetched with GET", () =>
    Effect.gen(function* () {
      const { exchange, http } = yield* sessionOf(timedAccount(HERE))
      http.script(to(THERE, 303))
      expect(yield* Effect.flip(exchange.inbox(1000))).toMatchObject({ _tag: "EwsUnusable", status: 303 })
      expect(http.sent.length).toBe(1)
    })
  )
})
