/** A short code for what went wrong, which names the trouble without quoting what was sent. */
export const codeOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return "unknown error"
  const code = "code" in cause ? cause.code : undefined
  // Node's general code for a stream that died with its connection; the reason is behind it.
  if (typeof code === "string" && !(code === "ERR_HTTP2_STREAM_CANCEL" && cause.cause)) return code
  return cause.cause ? codeOf(cause.cause) : cause.name
}

/** Code of a request that had no answer in its time. */
export const TIMEOUT = "timeout"

/** Code of an answer that is longer than any of the service's. */
export const TOO_LONG = "answer too long"

/** What a code means, as the end of a sentence that begins with the service; `setting` names its address. */
export const reasonOf = (code: string, setting: string): string => {
  if (code === TIMEOUT) return "does not answer in time"
  if (BROKEN_OFF.has(code)) return `breaks the connection off (${code})`
  if (
    code === TOO_LONG ||
    /^(?:HPE_|UND_ERR_RES_EXCEEDED_MAX_SIZE$|ERR_HTTP2_(?:ERROR|SESSION_ERROR)$)/.test(code)
  )
    return `answers in a form that is not its own (${code}): check ${setting} and proxies`
  if (/^(?:CERT_|ERR_TLS|ERR_SSL|EPROTO|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_)/.test(code))
    return `fails TLS (${code}): its certificate must be valid for that name and issued by a known authority`
  return `cannot be reached (${code}): check ${setting}, DNS and firewall`
}

const BROKEN_OFF = new Set([
  "ECONNRESET",
  "EPIPE",
  "ERR_HTTP2_STREAM_CANCEL",
  "ERR_HTTP2_STREAM_ERROR",
  "UND_ERR_SOCKET"
])
