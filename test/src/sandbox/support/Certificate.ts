import { generateKeyPairSync } from "node:crypto"
import forge from "node-forge"
import { type KeyAndCertificate, selfMade } from "../../../../src/sandbox/SelfMadeCertificate.ts"

/** A certificate for 127.0.0.1 that signs itself, as PEM. */
export const selfSigned = (): KeyAndCertificate => selfMade(["127.0.0.1"], 1)

/** A CA, and a client certificate of it for this e-mail address. */
export const clientCertificate = (
  address: string
): { readonly ca: string; readonly client: KeyAndCertificate } => {
  const authority = selfMade(["Test CA"], 1)
  const { privateKey, publicKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" }
  })
  const certificate = forge.pki.createCertificate()
  certificate.publicKey = forge.pki.publicKeyFromPem(publicKey)
  certificate.serialNumber = "02"
  certificate.validity.notAfter = new Date(Date.now() + 86_400_000)
  certificate.setSubject([{ name: "commonName", value: "somebody" }])
  certificate.setIssuer([{ name: "commonName", value: "Test CA" }])
  certificate.setExtensions([{ name: "subjectAltName", altNames: [{ type: 1, value: address }] }])
  certificate.sign(forge.pki.privateKeyFromPem(authority.key), forge.md.sha256.create())
  return {
    ca: authority.cert,
    client: { key: privateKey, cert: forge.pki.certificateToPem(certificate) }
  }
}
