import { createHash } from "node:crypto"
import { Data, Either, Redacted } from "effect"
import { openLegacy, openModern, type Pkcs12, readPfx } from "./Pkcs12.ts"
import { TooManyRounds } from "./Pkcs12Rounds.ts"

/** A client certificate with its key and chain, ready for TLS handshakes; keep it short. */
export interface ClientIdentity {
  /** SHA-256 of the PKCS#12 file, hex: tells identities apart. */
  readonly digest: string
  /** PEM: the client's certificate, and what else the file holds behind it. */
  readonly certificates: string
  /** PEM, not encrypted. */
  readonly key: Redacted.Redacted<string>
}

/** A PKCS#12 file that is of no use. Says what to do, and nothing of what is in it. */
export class ClientCertificateError extends Data.TaggedError("ClientCertificateError")<{
  readonly reason: keyof typeof MESSAGES
}> {
  override get message() {
    return MESSAGES[this.reason]
  }
}

/** Larger files are not read; a certificate with its chain has 3 to 10 KB. */
export const PKCS12_MAX = 64 * 1024

/** Bits of the longest key: signing with it takes 50 ms of our only thread, and grows with the third power. */
const KEY_BITS_MAX = 8192

/**
 * Opens a PKCS#12 file (base64); takes 2 ms, or 40 if it is a legacy one, and that of our only thread. It is not given to
 * TLS as a whole (`pfx`), because Node would then trust the authorities in it, and it comes from a device.
 */
export const openClientIdentity = (
  pkcs12: Redacted.Redacted<string>,
  password: Redacted.Redacted<string>
): Either.Either<ClientIdentity, ClientCertificateError> => {
  const text = Redacted.value(pkcs12)
  if (text.length > (PKCS12_MAX * 4) / 3 + 4) return fail("too large")
  const bytes = Buffer.from(text, "base64")
  const digest = createHash("sha256").update(bytes).digest("hex")
  const pfx = readPfx(bytes)
  if (pfx === undefined) return fail("not a PKCS#12 file")
  const opened = Either.try({
    try: () => openModern(pfx, Redacted.value(password)) ?? openLegacy(pfx, Redacted.value(password)),
    catch: (error) => new ClientCertificateError({ reason: reasonOf(error) })
  })
  return Either.flatMap(opened, ({ certificates, keys }) => pick(digest, certificates, keys))
}

/** The key with its certificate; the others may be needed to get from there to an authority that the server knows. */
const pick = (
  digest: string,
  certificates: Pkcs12["certificates"],
  keys: Pkcs12["keys"]
): Either.Either<ClientIdentity, ClientCertificateError> => {
  if (keys.length === 0) return fail("no private key")
  for (const key of keys) {
    if ((key.asymmetricKeyDetails?.modulusLength ?? 0) > KEY_BITS_MAX) return fail("key too long")
    const own = certificates.find((one) => one.checkPrivateKey(key))
    if (own === undefined) continue
    return Either.right({
      digest,
      certificates: [own, ...certificates.filter((one) => one !== own)].join(""),
      key: Redacted.make(key.export({ type: "pkcs8", format: "pem" }).toString())
    })
  }
  return fail("no certificate")
}

/** node-forge has no codes. A wrong password shows in many ways, as it turns everything into nonsense. */
const reasonOf = (error: unknown): ClientCertificateError["reason"] => {
  if (error instanceof TooManyRounds) return "too many rounds"
  const isUnknown = error instanceof Error && error.message.includes("Unsupported")
  return isUnknown ? "unknown encryption" : "wrong password"
}

const MESSAGES = {
  "wrong password": "the client certificate's password is wrong, or the file is damaged",
  "not a PKCS#12 file": "the client certificate is not a PKCS#12 file in base64",
  "too large": `the client certificate's file is larger than ${PKCS12_MAX} bytes`,
  "too many rounds":
    "the client certificate's file asks for too many rounds of key derivation; export it with AES-256 and 2,000 rounds",
  "key too long": `the client certificate's key is longer than ${KEY_BITS_MAX} bits; issue one with RSA-2048 or P-256`,
  "unknown encryption":
    "the client certificate's file is encrypted in a way that is not known here; export it with AES-256",
  "no private key": "the client certificate comes without its private key; export it with the key",
  "no certificate": "the client certificate's file holds a key, but no certificate for it"
} as const

const fail = (reason: ClientCertificateError["reason"]) => Either.left(new ClientCertificateError({ reason }))
