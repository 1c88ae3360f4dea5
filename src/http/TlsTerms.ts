import { constants } from "node:crypto"
import { createSecureContext, type SecureContextOptions, type TlsOptions } from "node:tls"
import { versionsFrom } from "../../layers/net/TlsContexts.ts"
import type { TlsSettings, TlsVersion } from "../../schemas/Settings.ts"

/** What the public listener agrees to: versions, suites, curves. Reading old Exchange's wishes is up to `minVersion`. */
export const serverTerms = (minVersion: TlsVersion): SecureContextOptions => ({
  ciphers: SUITES.join(":"),
  // Wider, for 1.0 and 1.1.
  ...versionsFrom(minVersion),
  honorCipherOrder: true,
  ecdhCurve: curves(),
  // Both are what Node does anyway; written down so that no build or default of OpenSSL decides about it.
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION
})

/**
 * How the listener asks for client certificates. Only `all` ends the handshake without one; else each request is looked at
 * (ClientCertificates.ts). Without tickets, because a resumed session shows no certificate again, and one that has ended
 * since would go on.
 */
export const clientTerms = ({ clientAuth }: TlsSettings): TlsOptions =>
  clientAuth === "off"
    ? {}
    : {
        requestCert: true,
        rejectUnauthorized: clientAuth === "all",
        secureOptions:
          constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION | constants.SSL_OP_NO_TICKET
      }

/**
 * TLS 1.3's, then those that ENS2's manual recommends, the best first. All make a key for each connection (ECDHE). The ones
 * with CBC are for Exchange on Windows Server 2012 and 2012 R2, which knows no GCM for RSA certificates.
 */
const SUITES = [
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "TLS_AES_128_GCM_SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-SHA384",
  "ECDHE-RSA-AES256-SHA384",
  "ECDHE-ECDSA-AES128-SHA256",
  "ECDHE-RSA-AES128-SHA256",
  "ECDHE-ECDSA-AES256-SHA",
  "ECDHE-RSA-AES256-SHA",
  "ECDHE-ECDSA-AES128-SHA",
  "ECDHE-RSA-AES128-SHA"
]

const CURVES = "X25519:P-256:P-384:P-521"

/** With the exchange that a quantum computer does not undo, where OpenSSL knows it (3.5). */
const curves = (): string => {
  const withMlKem = `X25519MLKEM768:${CURVES}`
  try {
    createSecureContext({ ecdhCurve: withMlKem })
    return withMlKem
  } catch {
    return CURVES
  }
}
