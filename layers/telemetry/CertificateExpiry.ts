import { Clock, Duration, Effect, Metric } from "effect"
import { reportTrouble, settleTrouble } from "./Troubles.ts"

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

/** A day, and time to be late. */
const WARNED_EVERY = Duration.toMillis("25 hours")

/** Sets the gauge of when it ends. An end does not change, so nobody has to keep it up to date. */
export const showExpiry = ({ expiresAt, what }: ExpiringCertificate): Effect.Effect<void> =>
  Metric.set(Metric.tagged(gauge, "what", what), expiresAt / 1000)

/** Warns while the end is near or past. To be done once a day. */
export const warnOfExpiry = ({ cure, expiresAt, name }: ExpiringCertificate): Effect.Effect<void> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const left = expiresAt - now
    const day = new Date(expiresAt).toISOString().slice(0, 10)
    if (left > Duration.toMillis(WARN_BEFORE)) return settleTrouble("certificate-expiring", name)
    const what = `${name} ${left > 0 ? "expires" : "expired"} on ${day}: ${cure}`
    return Effect.zipRight(
      reportTrouble({ fault: "certificate-expiring", where: name, what, told: true, holds: WARNED_EVERY }),
      Effect.annotateLogs(Effect.logWarning(what), "fault", "certificate-expiring")
    )
  })

const gauge = Metric.gauge("ens_certificate_expiry_timestamp_seconds", {
  description:
    "When a certificate ends (seconds since 1970): of what (listener: of ENS_TLS_CERT_FILE or ENS_TLS_PFX_FILE; cns: ours for CNS; cns_pin: the last pinned one)."
})
