import { Duration, Effect, type Scope } from "effect"
import { type ExpiringCertificate, showExpiry, warnOfExpiry } from "../telemetry/CertificateExpiry.ts"
import type { Expiry } from "./Gateway.ts"

/** Something without which CNS cannot be used, and that ends at a known time. */
export interface Expiring extends ExpiringCertificate {
  readonly what: "cns" | "cns_pin"
}

/** Sets the gauge of when it ends, and warns while that is near or past: now, and every day until the scope closes. */
export const watch = (expiring: Expiring): Effect.Effect<Expiry, never, Scope.Scope> =>
  Effect.gen(function* () {
    yield* showExpiry(expiring)
    yield* warnOfExpiry(expiring)
    yield* Effect.forkScoped(Effect.forever(Effect.delay(warnOfExpiry(expiring), Duration.days(1))))
    return { what: expiring.what, at: expiring.expiresAt }
  })
