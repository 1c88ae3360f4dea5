import { createPrivateKey, X509Certificate } from "node:crypto"
import { mkdir, readFile, writeFile } from "node:fs/promises"
import { isIP } from "node:net"
import { join, resolve } from "node:path"
import { Effect, Schema } from "effect"
import { type KeyAndCertificate, selfMade } from "./SelfMadeCertificate.ts"

/** A file of a certificate or key cannot be read, or not be written. */
export class CertificateProblem extends Schema.TaggedError<CertificateProblem>()("CertificateProblem", {
  file: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    return `${this.file}: ${this.reason}; choose another file or folder`
  }
}

/** A key and its certificate, and the file of the certificate: those who trust it name that. */
export interface KeptCertificate extends KeyAndCertificate {
  readonly certFile: string
}

/**
 * The certificate in this folder, `sandbox.crt` beside `sandbox.key`. If there is none, or it is for other hosts or ends
 * soon, one is made; so a stand-in that starts again is still trusted.
 */
export const certificateIn = (
  folder: string,
  hosts: ReadonlyArray<string>
): Effect.Effect<KeptCertificate, CertificateProblem> => {
  const certFile = resolve(join(folder, "sandbox.crt"))
  const keyFile = resolve(join(folder, "sandbox.key"))
  const kept = Effect.all({ cert: readPem(certFile), key: readPem(keyFile) }).pipe(
    Effect.filterOrFail(
      ({ cert, key }) => belongTogether(cert, key) && isGoodFor(cert, hosts),
      () => new CertificateProblem({ file: certFile, reason: "of no use" })
    )
  )
  const made = Effect.suspend(() => {
    const fresh = selfMade(hosts, VALID_DAYS)
    return Effect.tryPromise({
      try: async () => {
        await mkdir(folder, { recursive: true })
        await writeFile(keyFile, fresh.key, { mode: 0o600 })
        await writeFile(certFile, fresh.cert)
        return fresh
      },
      catch: (error) => new CertificateProblem({ file: resolve(folder), reason: reasonOf(error) })
    })
  })
  return Effect.orElse(kept, () => made).pipe(Effect.map((pair) => ({ ...pair, certFile })))
}

/** A certificate and its key from two files. */
export const certificateFrom = (
  certFile: string,
  keyFile: string
): Effect.Effect<KeptCertificate, CertificateProblem> =>
  Effect.all({ cert: readPem(certFile), key: readPem(keyFile) }).pipe(
    Effect.filterOrFail(
      ({ cert, key }) => belongTogether(cert, key),
      () => new CertificateProblem({ file: keyFile, reason: `not the key of ${certFile}` })
    ),
    Effect.map((pair) => ({ ...pair, certFile: resolve(certFile) }))
  )

/** A PEM file. */
export const readPem = (file: string): Effect.Effect<string, CertificateProblem> =>
  Effect.tryPromise({
    try: () => readFile(file, "utf8"),
    catch: (error) => new CertificateProblem({ file, reason: reasonOf(error) })
  }).pipe(
    Effect.filterOrFail(
      (text) => text.includes("-----BEGIN "),
      () => new CertificateProblem({ file, reason: "not a PEM file" })
    )
  )

const belongTogether = (cert: string, key: string): boolean => {
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))
  } catch {
    return false
  }
}

const isGoodFor = (cert: string, hosts: ReadonlyArray<string>): boolean => {
  const certificate = new X509Certificate(cert)
  const named = hosts.every(
    (host) => (isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)) !== undefined
  )
  return named && certificate.validToDate.getTime() > Date.now() + SOON
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const VALID_DAYS = 397
const SOON = 86_400_000
