/** No server is waited for longer than this, whatever it asks. Milliseconds. */
export const RETRY_AFTER_MAX = 60 * 60 * 1000

/**
 * Milliseconds that an HTTP `Retry-After` asks to wait (RFC 9110, 10.2.3: seconds or a date); 0 when it is absent,
 * unreadable or over.
 */
export const retryAfter = (header: string | undefined, now: number): number => {
  if (header === undefined) return 0
  const text = header.trim()
  // Date.parse also makes a date of "-5".
  const date = /^[A-Za-z]{3,9},? .*GMT$/.test(text) ? Date.parse(text) : Number.NaN
  const wait = /^\d+$/.test(text) ? Number(text) * 1000 : date - now
  return Number.isFinite(wait) ? Math.min(Math.max(wait, 0), RETRY_AFTER_MAX) : 0
}
