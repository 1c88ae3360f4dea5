import { createHash, type X509Certificate } from "node:crypto"

/** What a certificate can be pinned by, in lower-case hex. */
export interface Fingerprints {
  /** SHA-256 of the certificate (DER). */
  readonly certificate: string
  /** SHA-256 of its public key (SPKI, DER), which outlives a renewal with the same key. */
  readonly key: string
}

export const fingerprintsOf = (certificate: X509Certificate): Fingerprints => ({
  certificate: sha256(certificate.raw),
  key: sha256(certificate.publicKey.export({ type: "spki", format: "der" }))
})

/** Whether one of the pins is the certificate's or its key's. */
export const matches = ({ certificate, key }: Fingerprints, pins: ReadonlyArray<string>): boolean =>
  pins.includes(certificate) || pins.includes(key)

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex")
