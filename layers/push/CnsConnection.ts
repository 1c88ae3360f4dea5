import type { X509Certificate } from "node:crypto"
import { Effect, Either } from "effect"
import type { buildConnector } from "undici"
import type { CnsSettings } from "../../schemas/Settings.ts"
import { readAuthorities } from "../ews/AuthorityFile.ts"
import type { ClientIdentity } from "../net/ClientIdentity.ts"
import { makeConnector } from "../net/Connector.ts"
import { type EgressProxy, parseEgressProxy } from "../net/EgressProxy.ts"
import { peerCertificateOf } from "../net/PeerCertificate.ts"
import { PushSetupError } from "./PushSetupError.ts"

/** How CNS is reached, besides its URL. */
export interface CnsConnection {
  /** PEM authorities to trust besides the known ones. */
  readonly ca?: string
  readonly proxy?: EgressProxy
  /** Shown to CNS in TLS. */
  readonly identity?: ClientIdentity
  /** Of which CNS's certificate or its key must have one, unless there are none. */
  readonly pins?: ReadonlyArray<string>
}

/** What the settings say of the way there: `ENS_CNS_CA_FILE` and `ENS_CNS_PROXY_URL`. */
export const read = Effect.fnUntraced(function* (
  settings: Pick<CnsSettings, "caFile" | "proxyUrl">
): Effect.fn.Return<Pick<CnsConnection, "ca" | "proxy">, PushSetupError> {
  const { caFile, proxyUrl } = settings
  const ca =
    caFile === undefined
      ? {}
      : {
          ca: yield* Effect.mapError(readAuthorities(caFile), (error) => inSetting("CA_FILE", error.problem))
        }
  const proxy =
    proxyUrl === undefined
      ? {}
      : {
          proxy: yield* Either.mapLeft(parseEgressProxy(proxyUrl, []), (must) => inSetting("PROXY_URL", must))
        }
  return { ...ca, ...proxy }
})

/** The operator has chosen CNS's address, so it may be any; plain http stays on loopback all the same. */
export const connector = (
  { ca, identity, pins = [], proxy }: CnsConnection,
  secure: boolean,
  connectTimeout: number
): buildConnector.connector =>
  makeConnector(
    { listed: true, secure, pins: secure ? pins : [], ...(identity === undefined ? {} : { identity }) },
    { connectTimeout, ...(ca === undefined ? {} : { ca }), proxy }
  )

/** The certificate that is shown there, if it is valid; nothing is sent. Fails with what the connector fails with. */
export const shownCertificate = (
  connection: CnsConnection,
  host: string,
  port: number
): Effect.Effect<X509Certificate, Error> =>
  Effect.async((resume) => {
    const connect = connector({ ...connection, pins: [] }, true, CONNECT_TIMEOUT)
    connect({ hostname: host, host, protocol: "https:", port: String(port) }, (error, socket) => {
      if (error !== null) return resume(Effect.fail(error))
      const certificate = peerCertificateOf(socket)
      socket.destroy()
      resume(
        certificate === undefined
          ? Effect.fail(new Error("it shows no certificate"))
          : Effect.succeed(certificate)
      )
    })
  })

const CONNECT_TIMEOUT = 10_000

const inSetting = (name: "CA_FILE" | "PROXY_URL", problem: string) =>
  new PushSetupError({ gateway: "cns", problem: `ENS_CNS_${name}: ${problem}` })
