import type { LookupFunction } from "node:net"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Autodiscover } from "../../../layers/ews/Autodiscover.ts"
import * as DomainAutodiscover from "../../../layers/ews/DomainAutodiscover.ts"
import * as EndpointPolicyLive from "../../../layers/ews/EndpointPolicyLive.ts"
import * as HttpSessionsLive from "../../../layers/ews/HttpSessionsLive.ts"
import { PlainRedirect } from "../../../layers/ews/PlainRedirect.ts"
import { SrvRecords } from "../../../layers/ews/SrvRecords.ts"
import { soapEws } from "../../support/AutodiscoverText.ts"
import { callerOf, tenantWith } from "../../support/AutodiscoverWorld.ts"
import { settingsOf } from "../../support/CryptoFixture.ts"
import * as LogRecorder from "../../support/LogRecorder.ts"
import { say, scriptedTlsServer } from "../../support/ScriptedServer.ts"
import { selfSigned } from "../../support/SelfSigned.ts"

const NAME = "autodiscover.contoso.com"
const EWS = `https://${NAME}/EWS/Exchange.asmx`
const server = selfSigned(NAME)

const loopback: LookupFunction = (_, __, callback) => callback(null, [{ address: "127.0.0.1", family: 4 }])

/** A real service over TLS at a listed host; what it got, and what came of it. */
const ask = Effect.fnUntraced(function* (ca: string | undefined, pins: ReadonlyArray<string>) {
  const service = yield* scriptedTlsServer(server)
  service.script((response, request) =>
    request.headers.authorization === undefined
      ? say(401, "", { "www-authenticate": "Basic" })(response, request)
      : say(200, soapEws(EWS))(response, request)
  )
  const { port } = new URL(service.origin)
  const layer = DomainAutodiscover.layerWithSeams.pipe(
    Layer.provide(Layer.succeed(PlainRedirect, { locationOf: () => Effect.succeed(undefined) })),
    Layer.provide(Layer.succeed(SrvRecords, { lookup: () => Effect.succeed([]) })),
    Layer.provide(
      HttpSessionsLive.layerWith({
        lookup: loopback,
        connectTimeout: 2_000,
        ...(ca === undefined ? {} : { ca })
      })
    ),
    Layer.provide(EndpointPolicyLive.layer),
    Layer.provide(
      settingsOf({
        ewsAllowedHosts: [NAME],
        autodiscoverUrls: [`https://${NAME}:${port}/autodiscover/autodiscover.xml`]
      })
    ),
    Layer.provide(LogRecorder.layer([]))
  )
  const found = yield* Effect.flatMap(Autodiscover, (autodiscover) =>
    autodiscover.find(tenantWith({ ewsPins: pins }), callerOf("ada@fabrikam.com"), 10_000)
  ).pipe(Effect.either, Effect.provide(layer))
  return { found, requests: service.requests }
})

describe("Autodiscover over TLS", () => {
  it.scopedLive("asks a service whose certificate is good, first without the log-in", () =>
    Effect.gen(function* () {
      const { found, requests } = yield* ask(server.cert, [])
      expect(found).toMatchObject({
        right: { endpoint: { url: EWS, listed: true }, version: "Exchange2016" }
      })
      expect(requests[0]?.headers.authorization).toBe(undefined)
      expect(requests.at(-1)?.headers.authorization).toMatch(/^Basic /)
    })
  )

  it.scopedLive("sends nothing to one whose certificate nobody trusts, or that is not the pinned one", () =>
    Effect.gen(function* () {
      for (const [ca, pins] of [
        [undefined, []],
        [server.cert, ["ab".repeat(32)]]
      ] as const) {
        const { found, requests } = yield* ask(ca, pins)
        expect(found).toMatchObject({ left: { _tag: "EwsUrlUnknown", answered: false } })
        expect(requests).toEqual([])
      }
    })
  )
})
