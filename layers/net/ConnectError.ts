/** A connection that could not be made. The message is fit for operators, and holds no secret. */
export class ConnectError extends Error {
  readonly code: ConnectCode
  constructor(code: ConnectCode, message: string) {
    super(message)
    this.name = "ConnectError"
    this.code = code
  }
}

/** What went wrong; where the message does not say more, `connectReason` has the same text. */
export type ConnectCode =
  /** No address of the host may be connected to. */
  | "ENS_ADDRESS_NOT_ALLOWED"
  /** The server's certificate is valid, but has none of the pinned fingerprints. */
  | "ENS_PIN_MISMATCH"
  /** The client certificate cannot be used for TLS. */
  | "ENS_CLIENT_CERTIFICATE"
  /** The egress proxy cannot be reached, or what answers there is no proxy. */
  | "ENS_PROXY_DOWN"
  /** The proxy wants a log-in and there is none, or refuses the one that it got. */
  | "ENS_PROXY_LOGIN"
  /** The proxy does not let anybody go to this host. */
  | "ENS_PROXY_REFUSED"
  /** The proxy could not connect to the host. */
  | "ENS_PROXY_UNREACHABLE"
  /** Waiting was given up by whoever wanted the connection. */
  | "ENS_CONNECT_ABORTED"
  /** Not within `connectTimeout`; undici's code for the same. */
  | "UND_ERR_CONNECT_TIMEOUT"

/**
 * In plain words what an error means that a connection failed with: the message of a `ConnectError`, a text for codes of
 * Node and OpenSSL, undefined for what is not known here. Of the error nothing else is shown.
 */
export const connectReason = (error: Error): string | undefined => {
  if (error instanceof ConnectError) return error.message
  const code = "code" in error && typeof error.code === "string" ? error.code : ""
  const known = REASONS.get(code)
  if (known !== undefined) return `${known} (${code})`
  return CERTIFICATE_ALERT.test(code)
    ? `the server does not accept the client certificate, or wants one (${code})`
    : undefined
}

/** Whether an error with this code stays until somebody changes something, on our side, the proxy's or the server's. */
export const isLasting = (code: string): boolean => LASTING.has(code) || CERTIFICATE_ALERT.test(code)

/** What sort of trouble a code tells of, as far as different people mend it; undefined: some other. */
export const connectKind = (code: string): ConnectKind | undefined => {
  if (code === "ENS_PIN_MISMATCH") return "pin"
  if (code === "ENS_ADDRESS_NOT_ALLOWED") return "address"
  if (CERTIFICATE.has(code)) return "certificate"
  if (CERTIFICATE_ALERT.test(code)) return "client certificate"
  if (code.startsWith("ENS_PROXY_")) return "proxy"
  return NAME.has(code) ? "name" : undefined
}

/**
 * `certificate`: that of the server is not trusted. `client certificate`: ours is not, or is missing. `address`: the host
 * has none that may be connected to. `name`: it does not resolve.
 */
export type ConnectKind = "certificate" | "pin" | "client certificate" | "address" | "name" | "proxy"

/** Node's names for what is wrong with a certificate (doc/api/tls.md, "X509 certificate error codes"). */
const CERTIFICATE: ReadonlySet<string> = new Set([
  "CERT_CHAIN_TOO_LONG",
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "CERT_REJECTED",
  "CERT_REVOKED",
  "CERT_SIGNATURE_FAILURE",
  "CERT_UNTRUSTED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "HOSTNAME_MISMATCH",
  "INVALID_CA",
  "INVALID_PURPOSE",
  "PATH_LENGTH_EXCEEDED",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
])

const NAME: ReadonlySet<string> = new Set(["ENOTFOUND", "EAI_AGAIN"])

const LASTING: ReadonlySet<string> = new Set([
  "ENS_ADDRESS_NOT_ALLOWED",
  "ENS_PIN_MISMATCH",
  "ENS_PROXY_LOGIN",
  "ENS_PROXY_REFUSED",
  ...CERTIFICATE,
  "ERR_SSL_DH_KEY_TOO_SMALL",
  "ERR_SSL_UNSUPPORTED_PROTOCOL"
])

/** With TLS 1.3 such an alert comes after the handshake, in place of an answer. */
const CERTIFICATE_ALERT = /^ERR_SSL_\w*ALERT_(?:\w*CERTIFICATE\w*|UNKNOWN_CA|ACCESS_DENIED)$/

const REASONS: ReadonlyMap<string, string> = new Map([
  ["ECONNREFUSED", "the connection was refused"],
  ["ECONNRESET", "the connection was reset"],
  ["ENOTFOUND", "its name does not resolve"],
  ["EAI_AGAIN", "the name server does not answer"],
  ["ETIMEDOUT", "no connection in time"],
  ["EHOSTUNREACH", "there is no route to it"],
  ["ENETUNREACH", "there is no route to it"],
  ["CERT_HAS_EXPIRED", "its certificate has expired"],
  ["CERT_NOT_YET_VALID", "its certificate is not valid yet; check the clocks"],
  [
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "its certificate is self-signed; a CA file in the settings can make it trusted"
  ],
  ["SELF_SIGNED_CERT_IN_CHAIN", "its authority is not trusted; a CA file in the settings can make it so"],
  [
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    "its authority is not trusted; a CA file in the settings can make it so"
  ],
  [
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "its authority is not trusted, or the server does not send its intermediate certificate; a CA file in the settings can help"
  ],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "its certificate is for another name"],
  [
    "ERR_SSL_UNSUPPORTED_PROTOCOL",
    "it speaks only an old version of TLS; the lowest TLS version is a setting"
  ],
  ["ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", "it does not speak our version of TLS"],
  ["ERR_SSL_WRONG_VERSION_NUMBER", "what answers there does not speak TLS"],
  ["ERR_SSL_PACKET_LENGTH_TOO_LONG", "what answers there does not speak TLS"],
  [
    "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE",
    "it ended the TLS handshake; it may want a client certificate, or other ciphers"
  ],
  ["ERR_SSL_DH_KEY_TOO_SMALL", "its keys are too weak; the lowest TLS version is a setting"]
])
