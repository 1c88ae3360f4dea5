import type { X509Certificate } from "node:crypto"
import type { RequestListener, ServerOptions } from "node:http"
import { createServer, type Server } from "node:https"
import { isIP } from "node:net"
import { createSecureContext, type TlsOptions } from "node:tls"
import { Effect, Redacted, type Scope } from "effect"
import { showExpiry, warnOfExpiry } from "../../layers/telemetry/CertificateExpiry.ts"
import type { SettingsShape, TlsSettings } from "../../schemas/Settings.ts"
import { readAuthorities } from "./ClientCertificates.ts"
import { formerPeers } from "./FormerPeers.ts"
import { watchHandshakes } from "./TlsHandshakes.ts"
import { readIdentity, tlsFiles } from "./TlsIdentity.ts"
import { TlsProblem } from "./TlsProblem.ts"
import { signatureOf, whenChanged } from "./TlsReload.ts"
import { clientTerms, serverTerms } from "./TlsTerms.ts"
import { renewTicketKeys } from "./TlsTickets.ts"

/** A peer that opens a connection has so long to get through the handshake. Milliseconds. */
const HANDSHAKE_TIME = 10_000

/**
 * An HTTPS server, not listening yet, with the certificate that the settings name. Until the scope closes, new files are
 * taken over, and the log warns before the certificate ends. Open connections keep the certificate that they began with, unless
 * an authority of client certificates was taken away: then they end, because one of its clients may be among them.
 * Who comes again is spared half of the handshake: tickets are on by default.
 */
export const makeTlsServer = (
  settings: Pick<SettingsShape, "tls" | "publicUrl">,
  limits: ServerOptions,
  listener: RequestListener
): Effect.Effect<Server, TlsProblem, Scope.Scope> =>
  Effect.gen(function* () {
    const { clientAuth, clientCaFile } = settings.tls
    const files = [
      ...tlsFiles(settings.tls),
      ...(clientAuth === "off" || clientCaFile === undefined ? [] : [clientCaFile])
    ]
    const seen = yield* signatureOf(files)
    let served = yield* load(settings.tls)
    const peers = clientAuth === "off" ? undefined : formerPeers(listener)
    const server = createServer(
      { ...limits, ...served.terms, handshakeTimeout: HANDSHAKE_TIME },
      peers?.listener ?? listener
    )
    peers?.watch(server)
    const take = (loaded: Served) =>
      Effect.suspend(() => {
        const { authorities } = served
        served = loaded
        server.setSecureContext(loaded.terms)
        if (authorities.some((one) => !loaded.authorities.includes(one))) peers?.end()
        return announce(loaded, settings.publicUrl)
      })
    yield* announce(served, settings.publicUrl)
    yield* whenChanged(files, seen, load(settings.tls), take)
    yield* watchHandshakes(server)
    yield* renewTicketKeys(server)
    const warnDaily = Effect.delay(
      Effect.suspend(() => warnOfExpiry(expiring(served))),
      "1 day"
    )
    yield* Effect.forkScoped(Effect.forever(warnDaily))
    return server
  })

interface Served {
  readonly certificate: X509Certificate
  /** Of client certificates, PEM. */
  readonly authorities: ReadonlyArray<string>
  readonly terms: TlsOptions
}

const load = (tls: TlsSettings): Effect.Effect<Served, TlsProblem> =>
  Effect.flatMap(
    Effect.all([readIdentity(tls), readAuthorities(tls)]),
    ([{ certificate, chain, key }, authorities]) => {
      const terms = {
        ...serverTerms(tls.minVersion),
        ...clientTerms(tls),
        ...(authorities.length === 0 ? {} : { ca: authorities.join("") }),
        cert: chain,
        key: Redacted.value(key)
      }
      return Effect.try({
        try: () => {
          createSecureContext(terms)
          return { certificate, authorities, terms }
        },
        catch: () =>
          new TlsProblem({
            setting: tls.pfxFile === undefined ? "ENS_TLS_CERT_FILE" : "ENS_TLS_PFX_FILE",
            problem:
              "the certificate's key or signature is too weak for today's TLS; have one issued with RSA-2048 or P-256, and SHA-256"
          })
      })
    }
  )

/** Says whose certificate it is and until when, and what Exchange would not like about it. */
const announce = (served: Served, publicUrl: string): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { certificate } = served
    yield* Effect.logInfo("TLS certificate of the public listener", {
      subject: onOneLine(certificate.subject),
      issuer: onOneLine(certificate.issuer),
      validTo: certificate.validToDate.toISOString()
    })
    yield* showExpiry(expiring(served))
    yield* warnOfExpiry(expiring(served))
    const { hostname, protocol } = new URL(publicUrl)
    if (protocol === "http:") {
      yield* Effect.logWarning(
        "ENS_PUBLIC_URL starts with http, but this listener speaks TLS: Exchange gets through only if something in front of ENS translates"
      )
    } else if (!isFor(certificate, hostname.replace(/^\[|\]$/g, ""))) {
      yield* Effect.logWarning(
        `the TLS certificate is not for ${hostname}, the host of ENS_PUBLIC_URL: Exchange does not call back unless something in front of ENS has one that is`
      )
    }
  })

const isFor = (certificate: X509Certificate, host: string): boolean =>
  (isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)) !== undefined

const expiring = ({ certificate }: Served) => ({
  what: "listener" as const,
  name: "the TLS certificate of the public listener",
  expiresAt: certificate.validToDate.getTime(),
  cure: "replace its files; ENS takes new ones over without a restart"
})

/** Node leaves a name out, against its types, if the certificate has none. */
const onOneLine = (name: string | undefined): string => (name ?? "").split("\n").reverse().join(", ")
