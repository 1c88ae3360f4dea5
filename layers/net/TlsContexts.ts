import {
  createSecureContext,
  getCACertificates,
  type SecureContext,
  type SecureContextOptions
} from "node:tls"
import { Redacted } from "effect"
import type { TlsVersion } from "../../schemas/Settings.ts"
import type { ClientIdentity } from "./ClientIdentity.ts"
import { ConnectError } from "./ConnectError.ts"

/** What a TLS connection trusts, shows and speaks. */
export interface TlsTerms {
  /** PEM certificates of authorities that are trusted besides the known ones. */
  readonly ca: string | undefined
  readonly minVersion: TlsVersion
  readonly identity: ClientIdentity | undefined
}

type MakeContext = () => SecureContext

/**
 * What to connect with, and what to try next if the server is not trusted by it. Without a client certificate it is one
 * context, shared by all connections of these terms: with a list of all known authorities it takes 1 MB and 60 ms. With a
 * client certificate it is made for this connection, and so first of our own authorities alone, then of the known ones,
 * which Node shares. Making it throws `ENS_CLIENT_CERTIFICATE`.
 */
export const tlsContexts = (terms: TlsTerms): readonly [MakeContext, MakeContext?] => {
  const { ca, identity } = terms
  if (identity === undefined) return [() => sharedContext(terms)]
  const known = () => personalContext(terms, identity, {})
  // Without all authorities at hand, one of ours need not lead up to a root.
  const own = { ca: ca ?? "", allowPartialTrustChain: true }
  return ca === undefined ? [known] : [() => personalContext(terms, identity, own), known]
}

/** Whether the server's certificate is in order, but for who has signed it. */
export const isNotTrusted = (error: unknown): boolean =>
  error instanceof Error && "code" in error && NOT_TRUSTED.has(String(error.code))

const NOT_TRUSTED: ReadonlySet<string> = new Set([
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT"
])

/** Services have one or two files of authorities, and two of the versions at a time. */
const SHARED_MAX = 8
const shared = new Map<string, SecureContext>()

const sharedContext = ({ ca, minVersion }: TlsTerms): SecureContext => {
  const key = `${minVersion} ${ca ?? ""}`
  const known = shared.get(key)
  if (known !== undefined) return known
  const context = createSecureContext({
    ...versionsFrom(minVersion),
    ...(ca === undefined ? {} : { ca: [...getCACertificates(), ca] })
  })
  const [oldest] = shared.keys()
  if (shared.size >= SHARED_MAX && oldest !== undefined) shared.delete(oldest)
  shared.set(key, context)
  return context
}

const personalContext = (
  { minVersion }: TlsTerms,
  identity: ClientIdentity,
  trust: Pick<SecureContextOptions, "ca" | "allowPartialTrustChain">
): SecureContext => {
  try {
    return createSecureContext({
      ...versionsFrom(minVersion),
      ...trust,
      cert: identity.certificates,
      key: Redacted.value(identity.key)
    })
  } catch {
    throw new ConnectError(
      "ENS_CLIENT_CERTIFICATE",
      "the client certificate's key or signature is too weak; issue one with RSA-2048 or P-256, and SHA-256"
    )
  }
}

/** The versions from this one on, with the ciphers that they need; for clients and servers. */
export const versionsFrom = (minVersion: TlsVersion): SecureContextOptions => ({
  minVersion: VERSIONS[minVersion],
  // OpenSSL 3 leaves SHA-1, which TLS 1.0 and 1.1 are built on, to its lowest security level.
  ...(minVersion === "1.0" || minVersion === "1.1" ? { ciphers: "DEFAULT@SECLEVEL=0" } : {})
})

const VERSIONS = { "1.0": "TLSv1", "1.1": "TLSv1.1", "1.2": "TLSv1.2", "1.3": "TLSv1.3" } as const
