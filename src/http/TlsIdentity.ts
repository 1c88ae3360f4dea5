import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto"
import { open } from "node:fs/promises"
import { Effect, Either, Redacted } from "effect"
import { type ClientCertificateError, openClientIdentity } from "../../layers/net/ClientIdentity.ts"
import type { TlsSettings } from "../../schemas/Settings.ts"
import { TlsProblem } from "./TlsProblem.ts"

/** Whom the public listener is: a certificate with its chain and key, PEM. */
export interface TlsIdentity {
  readonly certificate: X509Certificate
  /** The certificate, and what else the file holds behind it. */
  readonly chain: string
  readonly key: Redacted.Redacted<string>
}

/** The files that the settings name; none: the listener speaks plain HTTP. */
export const tlsFiles = ({ certFile, keyFile, pfxFile }: TlsSettings): ReadonlyArray<string> =>
  pfxFile !== undefined ? [pfxFile] : [certFile, keyFile].filter((file): file is string => file !== undefined)

/** Reads the files, and proves that key and certificate belong together. An expired certificate is taken. */
export const readIdentity = (tls: TlsSettings): Effect.Effect<TlsIdentity, TlsProblem> =>
  tls.pfxFile !== undefined
    ? readPfx(tls.pfxFile, tls.pfxPassword)
    : readPem(tls.certFile ?? "", tls.keyFile ?? "")

type CertificateSetting = "ENS_TLS_CERT_FILE" | "ENS_TLS_CLIENT_CA_FILE"

const readPem = Effect.fnUntraced(function* (certFile: string, keyFile: string) {
  const certificates = yield* certificatesIn(certFile, "ENS_TLS_CERT_FILE")
  const key = yield* keyIn(keyFile)
  // Not always in front, though it should be; whoever calls us needs it there.
  const own = certificates.find((certificate) => certificate.checkPrivateKey(key))
  if (own === undefined) {
    return yield* new TlsProblem({
      setting: "ENS_TLS_KEY_FILE",
      problem: `the key in ${keyFile} does not belong to the certificate in ${certFile}; name the pair that was issued together`
    })
  }
  return identityOf(own, [own, ...certificates.filter((one) => one !== own)].join(""), key)
})

const readPfx = Effect.fnUntraced(function* (file: string, password: TlsSettings["pfxPassword"]) {
  const bytes = yield* readBounded(file, "ENS_TLS_PFX_FILE")
  const opened = openClientIdentity(Redacted.make(bytes.toString("base64")), password ?? Redacted.make(""))
  bytes.fill(0)
  if (Either.isLeft(opened)) return yield* pfxProblem(opened.left, file, password !== undefined)
  const { certificates, key } = opened.right
  return { certificate: new X509Certificate(certificates), chain: certificates, key }
})

const identityOf = (certificate: X509Certificate, chain: string, key: KeyObject): TlsIdentity => ({
  certificate,
  chain,
  key: Redacted.make(key.export({ type: "pkcs8", format: "pem" }).toString())
})

/** All certificates in a PEM file, at least one; `setting` is which names it. */
export const certificatesIn = Effect.fnUntraced(function* (file: string, setting: CertificateSetting) {
  const problem = (text: string) => new TlsProblem({ setting, problem: text })
  const bytes = yield* readBounded(file, setting)
  const texts = bytes.toString("latin1").match(CERTIFICATE) ?? []
  if (texts.length === 0) {
    return yield* problem(
      `${file} holds no certificate in PEM form; convert it (openssl x509 -inform DER)${
        setting === "ENS_TLS_CERT_FILE" ? ", or give a PKCS#12 file with ENS_TLS_PFX_FILE" : ""
      }`
    )
  }
  return yield* Effect.forEach(texts, (text, index) =>
    Effect.try({
      try: () => new X509Certificate(text),
      catch: () => problem(`certificate ${index + 1} in ${file} is damaged; export it again`)
    })
  )
})

const keyIn = Effect.fnUntraced(function* (file: string) {
  const bytes = yield* readBounded(file, "ENS_TLS_KEY_FILE")
  const text = bytes.toString("latin1")
  bytes.fill(0)
  const problem = (text: string) => new TlsProblem({ setting: "ENS_TLS_KEY_FILE", problem: text })
  if (ENCRYPTED.test(text)) {
    return yield* problem(
      `the key in ${file} is encrypted; decrypt it (openssl pkey -in … -out …), or give a PKCS#12 file with ENS_TLS_PFX_FILE and ENS_TLS_PFX_PASSWORD`
    )
  }
  return yield* Effect.try({
    try: () => createPrivateKey(text),
    catch: () => problem(`${file} holds no private key in PEM form; export it again`)
  })
})

const pfxProblem = ({ message, reason }: ClientCertificateError, file: string, hasPassword: boolean) => {
  const problem = (text: string) => new TlsProblem({ setting: "ENS_TLS_PFX_FILE", problem: text })
  switch (reason) {
    case "wrong password":
      return new TlsProblem({
        setting: "ENS_TLS_PFX_PASSWORD",
        problem: hasPassword
          ? `it does not open ${file}, or the file is damaged`
          : `${file} wants the password with which it was exported`
      })
    case "no private key":
      return problem(`${file} holds a certificate without its private key; export it again with the key`)
    case "no certificate":
      return problem(`${file} holds a key, but no certificate for it; export both together`)
    case "not a PKCS#12 file":
      return problem(
        `${file} is no PKCS#12 file (.pfx, .p12); give PEM files with ENS_TLS_CERT_FILE and ENS_TLS_KEY_FILE`
      )
    default:
      return problem(`${file} cannot be used: ${message}`)
  }
}

const readBounded = (file: string, setting: TlsProblem["setting"]): Effect.Effect<Buffer, TlsProblem> =>
  Effect.filterOrFail(
    readSome(file, setting),
    ({ length }) => length < LIMIT,
    () =>
      new TlsProblem({
        setting,
        problem: `${file} has more than ${LIMIT / 1024} KiB; name one without the rest`
      })
  )

const readSome = (file: string, setting: TlsProblem["setting"]): Effect.Effect<Buffer, TlsProblem> =>
  Effect.tryPromise({
    try: async () => {
      await using handle = await open(file)
      const buffer = Buffer.alloc(LIMIT)
      const { bytesRead } = await handle.read(buffer, 0, LIMIT, 0)
      return buffer.subarray(0, bytesRead)
    },
    catch: (error) =>
      new TlsProblem({ setting, problem: `${file} cannot be read (${codeOf(error)}); check path and rights` })
  })

/** Bytes, as many as nothing fits into. A certificate with its chain has 3 to 10 KB, a key or an authority less. */
const LIMIT = 256 * 1024

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g
const ENCRYPTED = /-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/

const codeOf = (error: unknown) =>
  error instanceof Error && "code" in error ? String(error.code) : "unknown error"
