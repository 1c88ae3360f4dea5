import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto"
import { Effect, Either, Redacted } from "effect"
import {
  type ClientCertificateError,
  type ClientIdentity,
  openClientIdentity,
  PKCS12_MAX
} from "../net/ClientIdentity.ts"
import { CONFIG_XML_MAX, findInXml } from "./CnsConfigXml.ts"
import { readBounded } from "./CnsFiles.ts"
import { PushSetupError } from "./PushSetupError.ts"

/** By which CNS knows this ENS: for TLS (`identity`), and to sign requests. */
export interface CnsCertificate {
  readonly identity: ClientIdentity
  readonly certificate: X509Certificate
  readonly key: KeyObject
}

/** A file that holds the certificate, and what the operator calls it and its password. */
export interface CnsCertificateSource {
  readonly file: string
  readonly password: Redacted.Redacted<string> | undefined
  /** `ENS_CNS_CERT_FILE`, `--config-xml`, … */
  readonly setting: string
  /** `ENS_CNS_CERT_PASSWORD`, `--password-file`. */
  readonly passwordSetting: string
}

/**
 * Reads the certificate from a PKCS#12 file (`.p12`, `.pfx`) or from the console's `config.xml`: whichever the file is, its
 * content tells. Of several in a `config.xml` the one for "Cloud Notification" is taken, else the first that opens. An
 * expired one is taken as well; `CnsExpiry` warns of it.
 */
export const read = Effect.fnUntraced(function* (
  source: CnsCertificateSource
): Effect.fn.Return<CnsCertificate, PushSetupError> {
  const cure = `${source.setting} must name the console's config.xml or a PKCS#12 file`
  const bytes = yield* readBounded(source.file, CONFIG_XML_MAX, cure)
  const candidates = yield* candidatesIn(bytes, source.file, cure)
  bytes.fill(0)
  const password = source.password ?? Redacted.make("")
  const opened = candidates.map((base64) => openClientIdentity(Redacted.make(base64), password))
  const found = opened.filter(Either.isRight).map(({ right }) => of(right))
  const certificate = found.find((one) => isForCns(one)) ?? found[0]
  if (certificate !== undefined) return yield* usable(certificate, source.file)
  const [failure] = opened.filter(Either.isLeft).sort((a, b) => rank(a.left) - rank(b.left))
  return yield* problem(
    failure === undefined ? `${source.file} holds no certificate; ${cure}` : said(failure.left, source)
  )
})

/** As Windows writes it, the most specific part first: `CN=AW Cloud Notification - acme, O=AirWatch`. */
export const subjectOf = ({ subject }: X509Certificate): string => onOneLine(subject)

/** The same of who signed it. */
export const issuerOf = ({ issuer }: X509Certificate): string => onOneLine(issuer)

/** Node leaves a name out, against its types, if the certificate has none. */
const onOneLine = (name: string | undefined): string => (name ?? "").split("\n").reverse().join(", ")

/** The certificate with its key, from what TLS needs. */
export const of = (identity: ClientIdentity): CnsCertificate => ({
  identity,
  certificate: new X509Certificate(identity.certificates),
  key: createPrivateKey(Redacted.value(identity.key))
})

/** PKCS#12 files, base64. */
const candidatesIn = (
  bytes: Buffer,
  file: string,
  cure: string
): Effect.Effect<ReadonlyArray<string>, PushSetupError> => {
  if (bytes[0] === DER_SEQUENCE && bytes.length <= PKCS12_MAX)
    return Effect.succeed([bytes.toString("base64")])
  if (bytes.subarray(0, 4).equals(ZIP)) return problem(`${file} is a ZIP archive; unpack it first`)
  const found = findInXml(bytes)
  return found._tag === "Found"
    ? Effect.succeed(found.texts)
    : problem(`${file} cannot be used, ${found.problem}; ${cure}`)
}

const DER_SEQUENCE = 0x30
const ZIP = Buffer.from("PK\u0003\u0004")

const isForCns = ({ certificate }: CnsCertificate) => /cloud notification/i.test(subjectOf(certificate))

const usable = (certificate: CnsCertificate, file: string): Effect.Effect<CnsCertificate, PushSetupError> => {
  const type = certificate.key.asymmetricKeyType
  return type === "rsa" || type === "ec"
    ? Effect.succeed(certificate)
    : problem(`the key in ${file} is of type ${type}, which CNS cannot check; use one of RSA`)
}

/** Of several failures the one that says most: with the right password the others do not matter. */
const rank = ({ reason }: ClientCertificateError) => ORDER.indexOf(reason)
const ORDER: ReadonlyArray<ClientCertificateError["reason"]> = [
  "no certificate",
  "no private key",
  "wrong password",
  "too many rounds",
  "too large",
  "not a PKCS#12 file"
]

const said = ({ message, reason }: ClientCertificateError, source: CnsCertificateSource): string => {
  const { file, password, passwordSetting, setting } = source
  switch (reason) {
    case "wrong password":
      return password === undefined
        ? `${file} wants the password that was chosen when it was downloaded; give it with ${passwordSetting}`
        : `the password does not open ${file}; correct ${passwordSetting} (it is the one that was chosen at the download), or download the file again`
    case "no private key":
      return `${file} holds a certificate without its private key; export it again with the key`
    case "not a PKCS#12 file":
      return `${file} holds no PKCS#12 file; ${setting} must name the console's config.xml or a PKCS#12 file`
    default:
      return `${file} cannot be used: ${message}`
  }
}

const problem = (text: string) => Effect.fail(new PushSetupError({ gateway: "cns", problem: text }))
