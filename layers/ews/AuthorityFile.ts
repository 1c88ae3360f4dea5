import { X509Certificate } from "node:crypto"
import { readFile } from "node:fs/promises"
import { Effect } from "effect"
import { EwsSetupError } from "./EwsSetupError.ts"

/** Bytes of a file that is taken for one of certificates. */
const LIMIT = 4 * 1024 * 1024

/** The authorities in a PEM file, as text; fails unless it has at least one certificate, and all of them can be read. */
export const readAuthorities = Effect.fnUntraced(function* (file: string) {
  const fail = (problem: string) => new EwsSetupError({ setting: "ENS_EWS_CA_FILE", problem })
  const text = yield* Effect.tryPromise({
    try: () => readFile(file, "utf8"),
    catch: (error) => fail(`${file} cannot be read (${codeOf(error)}); name a PEM file of certificates`)
  })
  const certificates = text.length > LIMIT ? [] : (text.match(CERTIFICATE) ?? [])
  if (certificates.length === 0) {
    return yield* fail(`${file} holds no certificate in PEM form; convert it, e.g. openssl x509 -inform DER`)
  }
  for (const [index, certificate] of certificates.entries()) {
    yield* Effect.try({
      try: () => new X509Certificate(certificate),
      catch: () => fail(`certificate ${index + 1} in ${file} is damaged; export it again`)
    })
  }
  return certificates.join("\n")
})

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g

const codeOf = (error: unknown) =>
  error instanceof Error && "code" in error ? String(error.code) : "unknown error"
