import { Clock, Duration, Effect, Metric } from "effect"

/** A certificate that ends at a known time (milliseconds since 1970). */
export interface ExpiringCertificate {
  readonly what: "cns" | "cns_pin" | "listener"
  /** For the log; no secret. */
  readonly name: string
  readonly expiresAt: number
  /** What to do before. */
  readonly cure: string
}

/** So long before the end the log begins to warn. */
export const WARN_BEFORE = Duration.days(30)

/** Sets the gauge of when it ends. An end does not change, so nobody has to keep it up to date. */
export const showExpiry = ({ expiresAt, what }: ExpiringCertificate): Effect.Effect<void> =>
  Metric.set(Metric.tagged(gauge, "what", what), expiresAt / 1000)

/** Warns while the end is near or past. To be done once a day. */
export const warnOfExpiry = ({ cure, expiresAt, name }: ExpiringCertificate): Effect.Effect<void> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const left = expiresAt - now
    const day = new Date(expiresAt).toISOString().slice(0, 10)
    if (left > Duration.toMillis(WARN_BEFORE)) return Effect.void
    return Effect.logWarning(`${name} ${left > 0 ? "expires" : "expired"} on ${day}: ${cure}`)
  })

const gauge = Metric.gauge("ens_certificate_expiry_timestamp_seconds", {
  description:
    "When a certificate ends (seconds since 1970): of what (listener: of ENS_TLS_CERT_FILE or ENS_TLS_PFX_FILE; cns: ours for CNS; cns_pin: the last pinned one)."
})
