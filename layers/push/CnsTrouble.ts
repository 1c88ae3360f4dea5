import { ConnectError, connectReason } from "../net/ConnectError.ts"
import { codeOf } from "./NetworkTrouble.ts"

/** Why a request to CNS came to nothing. */
export interface CnsTrouble {
  /** Names the trouble without quoting what was sent. */
  readonly code: string
  /** The end of a sentence that begins with "CNS at …": what is wrong and what to do. */
  readonly reason: string
  /** The connection stood, and was closed before the answer: as a server may do at any time. */
  readonly brokenOff: boolean
  /** As ENS2 logs it. */
  readonly legacy: string
}

export const TIMED_OUT: CnsTrouble = {
  code: "timeout",
  reason: "does not answer in time",
  brokenOff: false,
  legacy: "The operation has timed out"
}

/** What undici or the connector failed with. */
export const troubleOf = (error: unknown): CnsTrouble => {
  const code = codeOf(error)
  const plain = (reason: string): CnsTrouble => ({ code, reason, brokenOff: false, legacy: reason })
  if (BROKEN_OFF.has(code)) return { ...plain(`breaks the connection off (${code})`), brokenOff: true }
  if (code === "UND_ERR_RES_EXCEEDED_MAX_SIZE" || code.startsWith("HPE_"))
    return plain(`answers in a form that is not CNS's (${code}): check ENS_CNS_URL and proxies`)
  const cause = error instanceof Error ? connectReason(error) : undefined
  if (error instanceof ConnectError && PROXY.has(error.code))
    return plain(`cannot be reached: ${error.message}; check ENS_CNS_PROXY_URL`)
  if (code === "ENS_PIN_MISMATCH")
    return {
      ...plain(`is not trusted: ${cause}; if CNS has a new certificate, pin that: ens pin add FILE`),
      legacy: `${NO_TRUST} (${code})`
    }
  if (CLIENT_CERTIFICATE.test(code))
    return plain(`does not accept our certificate: ${cause ?? code}; ${INSTALL}`)
  if (TLS.test(code))
    return {
      ...plain(
        `is not trusted: ${cause ?? `TLS fails (${code})`}; name its authority in ENS_CNS_CA_FILE, unless a proxy answers in its place`
      ),
      legacy: `${NO_TRUST} (${code})`
    }
  return plain(`cannot be reached: ${cause ?? code}; check ENS_CNS_URL, DNS, firewall and proxies`)
}

/** What an operator does about a certificate that CNS does not know [ENS2: "401 Unauthorized", 2007]. */
export const INSTALL =
  "in the UEM console open System > Advanced > Secure Channel Certificate, download the CNS Secure Channel Certificate Installer and ask support to have it installed at CNS"

/** [ENS2] What administrators search for. */
const NO_TRUST =
  "The underlying connection was closed: Could not establish trust relationship for the SSL/TLS secure channel."

const BROKEN_OFF = new Set(["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"])
const PROXY = new Set(["ENS_PROXY_DOWN", "ENS_PROXY_LOGIN", "ENS_PROXY_REFUSED", "ENS_PROXY_UNREACHABLE"])
const CLIENT_CERTIFICATE =
  /^(?:ENS_CLIENT_CERTIFICATE|ERR_SSL_\w*ALERT_(?:\w*CERTIFICATE\w*|UNKNOWN_CA|ACCESS_DENIED))$/
const TLS = /^(?:CERT_|ERR_TLS|ERR_SSL|EPROTO|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_)/
