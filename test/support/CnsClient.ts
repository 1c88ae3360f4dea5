import { createHash } from "node:crypto"
import { Redacted } from "effect"
import * as CnsCertificate from "../../layers/push/CnsCertificate.ts"
import * as TestCertificate from "./TestCertificate.ts"

/** A certificate for CNS, self-signed, and as PEM for who has to know it. */
export const cnsCertificate = (
  name = "AW Cloud Notification - test"
): { readonly certificate: CnsCertificate.CnsCertificate; readonly cert: string; readonly key: string } => {
  const { cert, key } = TestCertificate.make(name)
  const digest = createHash("sha256").update(cert).digest("hex")
  return {
    cert,
    key,
    certificate: CnsCertificate.of({ digest, certificates: cert, key: Redacted.make(key) })
  }
}
