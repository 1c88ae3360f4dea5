import { Duration } from "effect"
import { WARN_BEFORE } from "../../../layers/telemetry/CertificateExpiry.ts"
import { faulty, ok, type Tell } from "../Finding.ts"

/** Tells when something ends; near or past its end it is a fault. Times: milliseconds since 1970. */
export const tellExpiry = (tell: Tell, check: string, what: string, at: number, now: number): void => {
  const day = new Date(at).toISOString().slice(0, 10)
  if (at - now > Duration.toMillis(WARN_BEFORE)) return tell(ok(check, `${what} is valid until ${day}`))
  tell(faulty(check, "certificate-expiring", `${what} ${at > now ? "expires" : "expired"} on ${day}`))
}
