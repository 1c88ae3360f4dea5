import type { IncomingMessage, ServerResponse } from "node:http"
import { TLSSocket } from "node:tls"
import { Effect, Metric, type Scope } from "effect"
import type { SettingsShape, TlsSettings } from "../../schemas/Settings.ts"
import { makeIsCallback } from "./CallbackUrl.ts"
import { certificatesIn } from "./TlsIdentity.ts"
import type { TlsProblem } from "./TlsProblem.ts"

/** Requests that were refused because no certificate of a known authority came with them, by kind of request. */
export const refusedWithoutCertificate = Metric.counter("ens_client_certificate_refused_total", {
  description: "Requests refused for want of the client certificate that ENS_TLS_CLIENT_AUTH asks for",
  incremental: true
})

/** The authorities that may sign client certificates, PEM; empty: none are asked for. */
export const readAuthorities = ({
  clientAuth,
  clientCaFile
}: TlsSettings): Effect.Effect<ReadonlyArray<string>, TlsProblem> =>
  clientAuth === "off" || clientCaFile === undefined
    ? Effect.succeed([])
    : Effect.map(certificatesIn(clientCaFile, "ENS_TLS_CLIENT_CA_FILE"), (certificates) =>
        certificates.map(String)
      )

/** Answers 403 and returns true if the request lacks the certificate it needs. */
export type RefuseStranger = (request: IncomingMessage, response: ServerResponse) => boolean

/**
 * What `ENS_TLS_CLIENT_AUTH` demands of a request; undefined: nothing, or the handshake has seen to it. `callbacks` is about
 * the callback endpoint, `devices` about all else, but for what load balancers ask (`alive`, `/healthz`, `/readyz`). The answer
 * is a bare 403: an app has no use for a code, it reaches ENS only through a gateway that has a certificate. Until the scope
 * closes, the log tells at most once a minute, with the last one as an example.
 */
export const clientCertificates = (
  settings: Pick<SettingsShape, "tls" | "basePaths">
): Effect.Effect<RefuseStranger | undefined, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { clientAuth } = settings.tls
    if (clientAuth === "off" || clientAuth === "all") return undefined
    const isCallback = makeIsCallback(settings.basePaths)
    const isOpen = makeIsOpen(settings.basePaths)
    const refused = refusedWithoutCertificate.pipe(Metric.tagged("kind", clientAuth))
    yield* Metric.incrementBy(refused, 0)
    let count = 0
    let last = { reason: "", source: "" }
    const tell = Effect.suspend(() => {
      const now = count
      count = 0
      return now === 0
        ? Effect.void
        : Effect.logWarning(
            `${now} requests came without a client certificate of ENS_TLS_CLIENT_CA_FILE and were refused`,
            { kind: clientAuth, ...last }
          )
    })
    yield* Effect.forkScoped(Effect.forever(Effect.delay(tell, "1 minute")))
    return (request, response) => {
      const target = request.url ?? ""
      const isAsked = isCallback(target) ? clientAuth === "callbacks" : clientAuth === "devices"
      if (!isAsked || isKnown(request) || isOpen(target)) return false
      count++
      last = { reason: whyUnknown(request), source: request.socket.remoteAddress ?? "unknown" }
      refused.unsafeUpdate(1, [])
      response.shouldKeepAlive = false
      response.writeHead(403, HEADERS).end(REFUSAL)
      return true
    }
  })

const isKnown = ({ socket }: IncomingMessage): boolean => socket instanceof TLSSocket && socket.authorized

/** OpenSSL's name for what is wrong with the certificate, as operators find it explained everywhere. */
const whyUnknown = ({ socket }: IncomingMessage): string => {
  if (!(socket instanceof TLSSocket)) return "it came without TLS"
  const isShown = socket.getPeerX509Certificate() !== undefined
  return isShown ? String(socket.authorizationError) : "it showed none"
}

const makeIsOpen = (basePaths: ReadonlyArray<string>): ((target: string) => boolean) => {
  const open = new Set(["/healthz", "/readyz", ...basePaths.map((base) => `${base}/alive`.toLowerCase())])
  // Nothing but the plain spelling: what asks for them is set up by hand.
  return (target) => open.has((target.split("?", 1)[0] ?? "").toLowerCase())
}

const REFUSAL = "a client certificate is needed here\n"
const HEADERS = { "Content-Type": "text/plain; charset=utf-8", "Content-Length": REFUSAL.length }
