import { createPrivateKey, generateKeyPairSync, X509Certificate } from "node:crypto"
import { Either, Redacted } from "effect"
import forge from "node-forge"
import { ClientCertificateError, openClientIdentity } from "../../../layers/net/ClientIdentity.ts"
import { issuerOf, of, subjectOf } from "../../../layers/push/CnsCertificate.ts"
import { selfSigned } from "../../support/SelfSigned.ts"
import { check, checkWords, own, type Target } from "../Target.ts"

const PASSWORD = Redacted.make("p12pass")

/** PKCS#12 files of today, of old, and without any encryption, which let changes get to the innermost. */
export const target: Target = {
  name: "pkcs12",
  form: "der",
  longest: 8_192,
  words: [
    "\x30\x82",
    "\x02\x01\x03",
    "\x02\x02\x07\xd0",
    "\x02\x02\x4e\x1f",
    "\x02\x03\x03\x0d\x3f",
    "\x04\x08",
    "\x24\x80",
    "\0\0",
    "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"
  ],
  seeds: () => {
    const { cert, key } = selfSigned("ann")
    const curve = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey
    const [privateKey, certificate] = [forge.pki.privateKeyFromPem(key), forge.pki.certificateFromPem(cert)]
    const file = (password: string | null, algorithm: "aes256" | "3des" = "aes256") =>
      der(forge.pkcs12.toPkcs12Asn1(privateKey, certificate, password, { algorithm, count: 2 }))
    return own(
      file("p12pass"),
      file("p12pass", "3des"),
      file(null),
      bags(createPrivateKey(key).export({ type: "pkcs8", format: "der" }), new X509Certificate(cert).raw),
      bags(curve.export({ type: "pkcs8", format: "der" }), new X509Certificate(cert).raw)
    )
  },
  run: (input) => {
    const opened = openClientIdentity(Redacted.make(input.toString("base64")), PASSWORD)
    if (Either.isLeft(opened)) {
      check(opened.left instanceof ClientCertificateError, "the failure is ClientCertificateError")
      checkWords(opened.left.message, "the message", 200)
      return
    }
    const certificate = of(opened.right)
    checkWords(subjectOf(certificate.certificate).replace(/[^\x20-\x7e]/g, "?"), "the subject", 100_000)
    issuerOf(certificate.certificate)
    check(certificate.certificate.checkPrivateKey(certificate.key), "key and certificate belong together")
  }
}

const { asn1 } = forge
type Asn1 = forge.asn1.Asn1
const der = (tree: Asn1) => Buffer.from(asn1.toDer(tree).getBytes(), "latin1")

const sequence = (...children: ReadonlyArray<Asn1>) =>
  asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SEQUENCE, true, [...children])
const field0 = (...children: ReadonlyArray<Asn1>) =>
  asn1.create(asn1.Class.CONTEXT_SPECIFIC, 0, true, [...children])
const octets = (bytes: Buffer) =>
  asn1.create(asn1.Class.UNIVERSAL, asn1.Type.OCTETSTRING, false, bytes.toString("latin1"))
const oid = (dotted: string) =>
  asn1.create(asn1.Class.UNIVERSAL, asn1.Type.OID, false, asn1.oidToDer(dotted).getBytes())
const DATA = oid("1.2.840.113549.1.7.1")

/** Key and certificate in the open. */
const bags = (key: Buffer, certificate: Buffer): Buffer => {
  const bag = (kind: number, value: Asn1) => sequence(oid(`1.2.840.113549.1.12.10.1.${kind}`), field0(value))
  const x509 = sequence(oid("1.2.840.113549.1.9.22.1"), field0(octets(certificate)))
  const content = sequence(bag(1, asn1.fromDer(key.toString("latin1"))), bag(3, x509))
  const safe = sequence(sequence(DATA, field0(octets(der(content)))))
  const version = asn1.create(asn1.Class.UNIVERSAL, asn1.Type.INTEGER, false, "\x03")
  return der(sequence(version, sequence(DATA, field0(octets(der(safe))))))
}
