import type { Server } from "node:https"
import type { TLSSocket } from "node:tls"
import { Effect, Metric, type Scope } from "effect"

/** Handshakes that failed. Whoever does not get through one never becomes a request: without this, nothing would tell of it. */
export const handshakeFailures = Metric.counter("ens_tls_handshake_failures_total", {
  description: "TLS handshakes with the public listener that failed",
  incremental: true
})

/** What to do about the most frequent reasons (OpenSSL's, by their code in Node). */
const ADVICE: Readonly<Record<string, string>> = {
  ERR_SSL_UNSUPPORTED_PROTOCOL: "the client speaks only older TLS; see ENS_TLS_MIN_VERSION",
  ERR_SSL_UNKNOWN_PROTOCOL: "the client speaks only older TLS; see ENS_TLS_MIN_VERSION",
  ERR_SSL_WRONG_VERSION_NUMBER: "the client does not speak TLS",
  ERR_SSL_HTTP_REQUEST: "the client speaks plain HTTP; the public URL must start with https",
  ERR_SSL_NO_SHARED_CIPHER: "the client knows no cipher that is safe today, or none for this kind of key",
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE:
    "the client shows no certificate; see ENS_TLS_CLIENT_AUTH, which asks for one",
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: "the client does not trust who issued the certificate",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: "the client does not accept the certificate",
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: "the client does not accept the certificate"
}

/** Counts failed handshakes, and tells of them at most once a minute, with the last one as an example. */
export const watchHandshakes = (server: Server): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    let failed = 0
    let last = { reason: "", source: "" }
    server.on("tlsClientError", (error: NodeJS.ErrnoException, socket: TLSSocket) => {
      const reason = refused(socket) ?? broken(error)
      // Hanging up before the end is what port scanners and load balancers do.
      if (reason === undefined) return
      handshakeFailures.unsafeUpdate(1, [])
      failed++
      last = { reason, source: socket.remoteAddress ?? "unknown" }
    })
    const tell = Effect.suspend(() => {
      const count = failed
      failed = 0
      return count === 0
        ? Effect.void
        : Effect.logWarning(`${count} TLS handshakes with the public listener failed`, last)
    })
    yield* Effect.forkScoped(Effect.forever(Effect.delay(tell, "1 minute")))
  })

const broken = ({ code }: NodeJS.ErrnoException): string | undefined =>
  code?.startsWith("ERR_SSL_") === true ? (ADVICE[code] ?? code) : undefined

/** Node hangs up on a client whose certificate it does not take, and says of it only what it says of those who hang up. */
const refused = ({ authorizationError }: TLSSocket): string | undefined =>
  authorizationError
    ? `the client's certificate is not one of ENS_TLS_CLIENT_CA_FILE (${authorizationError})`
    : undefined
