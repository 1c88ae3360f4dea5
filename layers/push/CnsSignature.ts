import { createHash, type KeyObject, sign, type X509Certificate } from "node:crypto"
import forge from "node-forge"
import { contents, type DerElement, readAll, write } from "../net/Der.ts"

/** What is signed, and by whom. */
export interface ToSign {
  readonly content: Buffer
  readonly certificate: X509Certificate
  /** Of RSA or an elliptic curve. */
  readonly key: KeyObject
  readonly digest: "sha1" | "sha256"
  /** Milliseconds since 1970. */
  readonly signedAt: number
}

/**
 * A detached CMS signature (RFC 5652, 5; DER): SignedData over content that is not in it, with the signer's certificate and
 * no other, and the signed attributes content-type, signing-time and message-digest, as .NET's `SignedCms` makes it. The
 * issuer's name is copied out of the certificate byte by byte, because verifiers compare it so.
 */
export const detachedSignature = ({ certificate, content, digest, key, signedAt }: ToSign): Buffer => {
  const digestAlgorithm = algorithm(DIGESTS[digest])
  // A SET in DER is sorted, and these are by their lengths.
  const attributes = [
    attribute(OID.contentType, oid(OID.data)),
    attribute(OID.signingTime, time(signedAt)),
    attribute(OID.messageDigest, write(OCTETS, createHash(digest).update(content).digest()))
  ]
  const signature = sign(digest, write(SET, ...attributes), key)
  const signatureAlgorithm =
    key.asymmetricKeyType === "ec" ? write(SEQUENCE, oid(ECDSA[digest])) : algorithm(OID.rsaEncryption)
  const signer = write(
    SEQUENCE,
    ONE,
    write(SEQUENCE, ...issuerAndSerial(certificate)),
    digestAlgorithm,
    write(CONTEXT_0, ...attributes),
    signatureAlgorithm,
    write(OCTETS, signature)
  )
  const signed = write(
    SEQUENCE,
    ONE,
    write(SET, digestAlgorithm),
    write(SEQUENCE, oid(OID.data)),
    write(CONTEXT_0, certificate.raw),
    write(SET, signer)
  )
  return write(SEQUENCE, oid(OID.signedData), write(CONTEXT_0, signed))
}

const OID = {
  data: "1.2.840.113549.1.7.1",
  signedData: "1.2.840.113549.1.7.2",
  contentType: "1.2.840.113549.1.9.3",
  messageDigest: "1.2.840.113549.1.9.4",
  signingTime: "1.2.840.113549.1.9.5",
  rsaEncryption: "1.2.840.113549.1.1.1"
} as const

const DIGESTS = { sha1: "1.3.14.3.2.26", sha256: "2.16.840.1.101.3.4.2.1" } as const
/** RFC 3278 and RFC 5754, 3.3: without parameters. */
const ECDSA = { sha1: "1.2.840.10045.4.1", sha256: "1.2.840.10045.4.3.2" } as const

const INTEGER = 0x02
const OCTETS = 0x04
const UTC_TIME = 0x17
const GENERALIZED_TIME = 0x18
const SEQUENCE = 0x30
const SET = 0x31
const CONTEXT_0 = 0xa0

const ONE = write(INTEGER, Buffer.of(1))
const NULL = write(0x05)

const oid = (dotted: string) => write(0x06, Buffer.from(forge.asn1.oidToDer(dotted).getBytes(), "latin1"))

const algorithm = (dotted: string) => write(SEQUENCE, oid(dotted), NULL)

const attribute = (type: string, value: Buffer) => write(SEQUENCE, oid(type), write(SET, value))

/** RFC 5652, 11.3: two digits for the year from 1950 to 2049. */
const time = (at: number): Buffer => {
  const [year = "", rest = ""] = new Date(at)
    .toISOString()
    .replace(/^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\..*/, "$1 $2$3$4$5$6Z")
    .split(" ")
  return Number(year) >= 1950 && Number(year) < 2050
    ? write(UTC_TIME, Buffer.from(year.slice(2) + rest))
    : write(GENERALIZED_TIME, Buffer.from(year + rest))
}

/** RFC 5280, 4.1: the serial number is the first INTEGER of the TBSCertificate; algorithm and issuer follow. */
const issuerAndSerial = ({ raw }: X509Certificate): ReadonlyArray<Buffer> => {
  const [tbs] = readAll(contents(raw, SEQUENCE) ?? NOTHING) ?? []
  const fields: ReadonlyArray<DerElement> = readAll(tbs?.body ?? NOTHING) ?? []
  const at = fields.findIndex(({ tag }) => tag === INTEGER)
  return [fields[at + 2], fields[at]].map((field) => write(field?.tag ?? 0, field?.body ?? NOTHING))
}

const NOTHING = Buffer.alloc(0)
