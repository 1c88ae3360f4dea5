import type { X509Certificate } from "node:crypto"
import { Effect, Either } from "effect"
import { readAuthorities } from "../../layers/ews/AuthorityFile.ts"
import type { AllowedEndpoint } from "../../layers/ews/EndpointPolicy.ts"
import { ruleFor } from "../../layers/ews/HttpSessionsLive.ts"
import { connectReason } from "../../layers/net/ConnectError.ts"
import { makeConnector } from "../../layers/net/Connector.ts"
import { parseEgressProxy } from "../../layers/net/EgressProxy.ts"
import { peerCertificateOf } from "../../layers/net/PeerCertificate.ts"
import type { SettingsShape } from "../../schemas/Settings.ts"

/** What a server shows in TLS. */
export interface Shown {
  readonly certificate: X509Certificate
  readonly protocol: string
}

/** TLS as the service opens it, pins included; nothing is sent. */
export const shownCertificate = (endpoint: AllowedEndpoint, settings: SettingsShape) =>
  Effect.gen(function* () {
    const url = new URL(endpoint.url)
    const ca =
      settings.ewsCaFile === undefined
        ? undefined
        : yield* Effect.mapError(readAuthorities(settings.ewsCaFile), (error) => ({
            code: "unknown",
            reason: error.message
          }))
    const proxy =
      settings.ewsProxyUrl &&
      Either.getOrUndefined(parseEgressProxy(settings.ewsProxyUrl, settings.ewsProxyBypass))
    const rule = ruleFor({ endpoint, secure: true }, undefined, settings)
    return yield* Effect.async<Shown, { readonly code: string; readonly reason: string }>((resume) => {
      const end = new AbortController()
      const connect = makeConnector(rule, {
        connectTimeout: CONNECT,
        signal: end.signal,
        ...(ca === undefined ? {} : { ca }),
        proxy
      })
      const { host, hostname, port } = url
      connect({ hostname, host, protocol: "https:", port }, (error, socket) => {
        if (error !== null) {
          const code = "code" in error ? String(error.code) : "unknown"
          return resume(Effect.fail({ code, reason: connectReason(error) ?? code }))
        }
        const certificate = peerCertificateOf(socket)
        const protocol = "getProtocol" in socket ? (socket.getProtocol() ?? "TLS") : "TLS"
        socket.destroy()
        if (certificate !== undefined) resume(Effect.succeed({ certificate, protocol }))
        else resume(Effect.fail({ code: "unknown", reason: "it shows no certificate" }))
      })
      return Effect.sync(() => end.abort())
    })
  })

/** Milliseconds. */
const CONNECT = 8_000
