import { createPrivateKey, generateKeyPairSync } from "node:crypto"
import { mkdir, writeFile } from "node:fs/promises"
import { dirname, resolve } from "node:path"
import { Effect } from "effect"
import { CertificateProblem, readPem } from "./CertificateFolder.ts"

/** A private key (PKCS#8, PEM) and its file. */
export interface KeptKey {
  readonly key: string
  readonly file: string
}

/** Of what use the key is: Apple's keys are on P-256, Google's are RSA. */
export type KeyKind = "ec" | "rsa"

/**
 * The private key in this file. If there is none of the kind, one is made; so a stand-in that starts again still knows
 * who sends to it.
 */
export const keyIn = (path: string, kind: KeyKind): Effect.Effect<KeptKey, CertificateProblem> => {
  const file = resolve(path)
  const kept = readPem(file).pipe(
    Effect.filterOrFail(
      (key) => isOfKind(key, kind),
      () => new CertificateProblem({ file, reason: "of no use" })
    )
  )
  const made = Effect.suspend(() => {
    const key = newKey(kind)
    return Effect.as(writeSecret(file, key), key)
  })
  return Effect.orElse(kept, () => made).pipe(Effect.map((key) => ({ key, file })))
}

/** Makes a private key (PKCS#8, PEM). */
export const newKey = (kind: KeyKind): string => {
  const { privateKey } =
    kind === "ec"
      ? generateKeyPairSync("ec", { namedCurve: "P-256" })
      : generateKeyPairSync("rsa", { modulusLength: 2048 })
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString()
}

/** Writes a file that only its owner may read, and makes its folder if need be. */
export const writeSecret = (file: string, text: string): Effect.Effect<void, CertificateProblem> =>
  Effect.tryPromise({
    try: async () => {
      await mkdir(dirname(file), { recursive: true })
      await writeFile(file, text, { mode: 0o600 })
    },
    catch: (error) =>
      new CertificateProblem({ file, reason: error instanceof Error ? error.message : String(error) })
  })

const isOfKind = (pem: string, kind: KeyKind): boolean => {
  try {
    return createPrivateKey(pem).asymmetricKeyType === kind
  } catch {
    return false
  }
}
