import { describe, expect, it } from "@effect/vitest"
import { Effect, FastCheck as fc, Layer, type Scope, TestClock } from "effect"
import { AcceptedVersions, lower, olderThan } from "../../../layers/ews/AcceptedVersions.ts"
import { Ews } from "../../../layers/ews/Ews.ts"
import * as EwsClient from "../../../layers/ews/EwsClient.ts"
import { EXCHANGE_VERSIONS, type ExchangeVersion } from "../../../schemas/EwsMessage.ts"
import { opened, timedAccount } from "../../support/EwsCaller.ts"
import { answer, type ScriptedSessions, scriptedSessions, type Turn } from "../../support/ScriptedSessions.ts"
import { envelope, failure, fault, inbox, responses } from "../../support/SoapText.ts"

const URL_HERE = "https://mail.example.com/EWS/Exchange.asmx"
const wanting = (exchangeVersion: ExchangeVersion, url = URL_HERE) => timedAccount(url, { exchangeVersion })

/** The versions that were asked for, in order. */
const asked = (http: ScriptedSessions) =>
  http.sent.map(({ body }) => /RequestServerVersion Version="(\w+)"/.exec(body)?.[1])

/** A server that accepts versions up to this one. */
const server =
  (
    newest: ExchangeVersion,
    refusal: Turn = answer(500, envelope(fault("ErrorInvalidServerVersion")))
  ): Turn =>
  (request) => {
    const version = /Version="(\w+)"/.exec(request.body)?.[1] as ExchangeVersion
    return lower(version, newest) === version ? answer(200, inbox(3))(request) : refusal(request)
  }

/** Sessions of one client, so of one memory. */
const withClient = (
  test: (http: ScriptedSessions, ews: Ews["Type"]) => Effect.Effect<void, unknown, Scope.Scope>
) => {
  const http = scriptedSessions()
  return Effect.flatMap(Ews, (ews) => test(http, ews)).pipe(
    Effect.scoped,
    Effect.provide(EwsClient.layer.pipe(Layer.provide(http.layer)))
  )
}

describe("the version that is asked for", () => {
  it.effect("is the account's first, and the next older ones until one is accepted", () =>
    withClient((http, ews) =>
      Effect.gen(function* () {
        http.script(server("Exchange2010_SP2"))
        const session = yield* opened(ews, wanting("Exchange2013_SP1"))
        expect((yield* session.inbox(1000)).unreadCount).toBe(3)
        expect(asked(http)).toEqual(["Exchange2013_SP1", "Exchange2013", "Exchange2010_SP2"])
        yield* session.inbox(1000)
        expect(asked(http).slice(3)).toEqual(["Exchange2010_SP2"])
      })
    )
  )

  it.effect("is at once what the server says it speaks", () =>
    withClient((http, ews) =>
      Effect.gen(function* () {
        http.script(
          server("Exchange2010", answer(500, envelope(fault("ErrorInvalidServerVersion"), [14, 0])))
        )
        const session = yield* opened(ews, wanting("Exchange2016"))
        yield* session.inbox(1000)
        expect(asked(http)).toEqual(["Exchange2016", "Exchange2010"])
      })
    )
  )

  it.effect.each(["ErrorIncorrectSchemaVersion", "ErrorInvalidSchemaVersionForMailboxVersion"])(
    "steps down on %s in a response too, for this session only",
    (code) =>
      withClient((http, ews) =>
        Effect.gen(function* () {
          const refusal = answer(200, envelope(responses("GetFolder", failure(code)), [15, 1]))
          http.script(server("Exchange2013", refusal))
          yield* (yield* opened(ews, wanting("Exchange2013_SP1"))).inbox(1000)
          expect(asked(http)).toEqual(["Exchange2013_SP1", "Exchange2013"])
          yield* (yield* opened(ews, wanting("Exchange2013_SP1"))).inbox(1000)
          expect(asked(http).slice(2)).toEqual(["Exchange2013_SP1", "Exchange2013"])
        })
      )
  )

  it.effect("is remembered for the server for an hour, and for no other", () =>
    withClient((http, ews) =>
      Effect.gen(function* () {
        http.script(server("Exchange2010_SP2"))
        const first = (version: ExchangeVersion, url?: string) =>
          Effect.gen(function* () {
            http.sent.length = 0
            yield* (yield* opened(ews, wanting(version, url))).inbox(1000)
            return asked(http)[0]
          })
        yield* first("Exchange2013")
        expect(yield* first("Exchange2016")).toBe("Exchange2010_SP2")
        expect(yield* first("Exchange2010")).toBe("Exchange2010")
        expect(yield* first("Exchange2013", "https://other.example.com/EWS/Exchange.asmx")).toBe(
          "Exchange2013"
        )
        yield* TestClock.adjust("61 minutes")
        expect(yield* first("Exchange2013")).toBe("Exchange2013")
      })
    )
  )

  it.effect("is not remembered from a server that accepts none, whose refusal is told", () =>
    withClient((http, ews) =>
      Effect.gen(function* () {
        http.script(answer(500, envelope(fault("ErrorInvalidServerVersion"))))
        for (let session = 0; session < 2; session++) {
          http.sent.length = 0
          const exchange = yield* opened(ews, wanting("Exchange2010_SP1"))
          expect(yield* Effect.flip(exchange.inbox(1000))).toMatchObject({
            _tag: "EwsRefused",
            responseCode: "ErrorInvalidServerVersion"
          })
          expect(asked(http)).toEqual(["Exchange2010_SP1", "Exchange2010", "Exchange2007_SP1"])
        }
      })
    )
  )

  it.effect("is looked for within the time of the one call", () =>
    withClient((http, ews) =>
      Effect.gen(function* () {
        const slow: Turn = (request) =>
          Effect.zipRight(TestClock.adjust(400), server("Exchange2010")(request))
        http.script(slow)
        const session = yield* opened(ews, wanting("Exchange2013_SP1"))
        expect(yield* Effect.flip(session.inbox(1000))).toMatchObject({
          _tag: "EwsTimeout",
          operation: "GetFolder",
          milliseconds: 1000
        })
        expect(http.sent.map(({ timeout }) => timeout)).toEqual([1000, 600, 200])
      })
    )
  )

  it.effect("is reported as the server tells it, but never newer than what it accepted", () =>
    withClient((http, ews) =>
      Effect.gen(function* () {
        const reported = (version: ExchangeVersion, newest: ExchangeVersion, says?: [number, number]) =>
          Effect.gen(function* () {
            const refusal = answer(500, envelope(fault("ErrorInvalidSchemaVersionForMailboxVersion")))
            http.script((request) =>
              Effect.flatMap(server(newest, refusal)(request), (told) =>
                told.status === 200 ? answer(200, inbox(3, says))(request) : Effect.succeed(told)
              )
            )
            return (yield* (yield* opened(ews, wanting(version))).inbox(1000)).serverVersion
          })
        expect(yield* reported("Exchange2013", "Exchange2016")).toBeUndefined()
        expect(yield* reported("Exchange2013", "Exchange2016", [15, 1])).toBe("Exchange2016")
        expect(yield* reported("Exchange2016", "Exchange2013", [15, 1])).toBe("Exchange2013")
        expect(yield* reported("Exchange2016", "Exchange2013", [14, 3])).toBe("Exchange2010_SP2")
        expect(yield* reported("Exchange2016", "Exchange2013")).toBe("Exchange2013")
      })
    )
  )
})

describe("AcceptedVersions", () => {
  it("always goes down, and ends", () => {
    const version = fc.constantFrom(...EXCHANGE_VERSIONS)
    fc.assert(
      fc.property(version, fc.option(version, { nil: undefined }), (refused, told) => {
        const next = olderThan(refused, told)
        if (next === undefined) expect(refused).toBe("Exchange2007_SP1")
        else expect(EXCHANGE_VERSIONS.indexOf(next)).toBeLessThan(EXCHANGE_VERSIONS.indexOf(refused))
      })
    )
  })

  it("forgets the servers that were heard of longest ago, to stay small", () => {
    const versions = new AcceptedVersions()
    const first = (origin: number) => versions.first(`https://${origin}`, "Exchange2016", 1000)
    versions.remember("https://0", "Exchange2010", 0)
    versions.remember("https://1", "Exchange2010", 0)
    versions.remember("https://0", "Exchange2013", 0)
    for (let origin = 2; origin <= 256; origin++) versions.remember(`https://${origin}`, "Exchange2010", 0)
    expect([first(0), first(1), first(256)]).toEqual(["Exchange2013", "Exchange2016", "Exchange2010"])
  })
})
