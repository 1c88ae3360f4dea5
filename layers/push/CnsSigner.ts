import { Clock, Effect } from "effect"
import type { CnsSettings } from "../../schemas/Settings.ts"
import { type CnsCertificate, subjectOf } from "./CnsCertificate.ts"
import { detachedSignature } from "./CnsSignature.ts"

/** Value of the `Authorization` header for a URL's path (without query). */
export type CnsSigner = (path: string) => Effect.Effect<string>

/** Milliseconds for which a signature is used again. Short, because its signing time may be looked at. */
export const SIGNATURE_AGE = 60_000

/**
 * Signs as UEM's clients do: `CMSURL'1 <base64>`, a detached CMS signature over the UTF-8 of the URL's path. What stands
 * before the base64, and the digest, are a setting (`ENS_CNS_CMS`), because clients differ and CNS's own taste is not public.
 */
export const make = (
  { certificate, key }: CnsCertificate,
  { digest, separator }: CnsSettings["cms"]
): CnsSigner => {
  let last: { readonly path: string; readonly signedAt: number; readonly header: string } | undefined
  return (path) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const fresh = last?.path === path && now >= last.signedAt && now - last.signedAt < SIGNATURE_AGE
      if (last !== undefined && fresh) return Effect.succeed(last.header)
      const content = Buffer.from(path, "utf8")
      const signature = detachedSignature({ content, certificate, key, digest, signedAt: now })
      const header = `CMSURL${separator} ${signature.toString("base64")}`
      last = { path, signedAt: now, header }
      return Effect.as(Effect.logDebug(`Signing URL [${path}] with Cert [${subjectOf(certificate)}]`), header)
    })
}
