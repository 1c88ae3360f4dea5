import { Clock, Duration, Effect, Metric, type Scope } from "effect"
import type { Expiry } from "./Gateway.ts"

/** Something without which CNS cannot be used, and that ends at a known time (milliseconds since 1970). */
export interface Expiring {
  readonly what: "cns" | "cns_pin"
  /** For the log; no secret. */
  readonly name: string
  readonly expiresAt: number
  /** What to do before. */
  readonly cure: string
}

/** So long before the end the log begins to warn. */
export const WARN_BEFORE = Duration.days(30)

/** Sets the gauge of when it ends, and warns while that is near or past: now, and every day until the scope closes. */
export const watch = (expiring: Expiring): Effect.Effect<Expiry, never, Scope.Scope> =>
  Effect.gen(function* () {
    yield* Metric.set(Metric.tagged(gauge, "what", expiring.what), expiring.expiresAt / 1000)
    yield* warn(expiring)
    yield* Effect.forkScoped(Effect.forever(Effect.delay(warn(expiring), Duration.days(1))))
    return { what: expiring.what, at: expiring.expiresAt }
  })

const warn = ({ cure, expiresAt, name }: Expiring) =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const left = expiresAt - now
    const day = new Date(expiresAt).toISOString().slice(0, 10)
    if (left > Duration.toMillis(WARN_BEFORE)) return Effect.void
    return Effect.logWarning(`${name} ${left > 0 ? "expires" : "expired"} on ${day}: ${cure}`)
  })

// An end does not change, so nobody has to keep it up to date, as he had to with the time that is left.
const gauge = Metric.gauge("ens_certificate_expiry_timestamp_seconds", {
  description:
    "When a certificate ends (seconds since 1970): of what (cns: ours for CNS; cns_pin: the last pinned one)."
})
