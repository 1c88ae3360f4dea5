import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { EwsCaller, type EwsClientOptions, layerWith, timedAccount } from "../../support/EwsCaller.ts"
import { type ScriptedServer, say, scriptedTlsServer } from "../../support/ScriptedServer.ts"
import { selfSigned } from "../../support/SelfSigned.ts"

const certificate = selfSigned("exchange.test")
const lookup: NonNullable<EwsClientOptions["lookup"]> = (_, __, callback) =>
  process.nextTick(() => callback(null, [{ address: "127.0.0.1", family: 4 }]))

const call = (server: ScriptedServer, name: string, options: Partial<EwsClientOptions>) => {
  const url = `https://${name}:${new URL(server.origin).port}/EWS/Exchange.asmx`
  const account = timedAccount(url, {
    authType: "OAuth",
    credentials: { address: "ada@example.com", accessToken: "token" }
  })
  return Effect.flatMap(EwsCaller, (ews) => Effect.flip(ews.inbox(account))).pipe(
    Effect.map((error) => ({ ...error })),
    Effect.provide(layerWith({ lookup, ...options }))
  )
}

describe("EwsClient over TLS", () => {
  it.scopedLive("trusts no certificate that nobody vouches for, and sends it nothing", () =>
    Effect.gen(function* () {
      const server = yield* scriptedTlsServer(certificate)
      expect(yield* call(server, "exchange.test", {})).toMatchObject({
        _tag: "EwsUnreachable",
        reason: expect.stringContaining("DEPTH_ZERO_SELF_SIGNED_CERT"),
        sent: false
      })
      expect(server.requests).toEqual([])
    })
  )

  it.scopedLive("trusts an authority that it is told of, for its names only", () =>
    Effect.gen(function* () {
      const server = yield* scriptedTlsServer(certificate)
      server.script(say(403))
      expect(yield* call(server, "exchange.test", { ca: certificate.cert })).toMatchObject({
        _tag: "EwsForbidden"
      })
      expect(yield* call(server, "other.test", { ca: certificate.cert })).toMatchObject({
        _tag: "EwsUnreachable",
        reason: expect.stringContaining("ERR_TLS_CERT_ALTNAME_INVALID"),
        sent: false
      })
      expect(server.requests.length).toBe(1)
    })
  )
})
