import { generateKeyPairSync } from "node:crypto"
import forge from "node-forge"

/** A self-signed certificate for this host name (or IP address), PEM. `nameless`: without subject and issuer. */
export const make = (
  host: string,
  options: { readonly nameless?: boolean } = {}
): { readonly key: string; readonly cert: string } => {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" }
  })
  const certificate = forge.pki.createCertificate()
  certificate.publicKey = forge.pki.publicKeyFromPem(publicKey)
  certificate.serialNumber = "01"
  certificate.validity.notBefore = new Date("2020-01-01")
  certificate.validity.notAfter = new Date("2049-01-01")
  const name = options.nameless === true ? [] : [{ name: "commonName", value: host }]
  certificate.setSubject(name)
  certificate.setIssuer(name)
  const altName = /^[\d.]+$/.test(host) ? { type: 7, ip: host } : { type: 2, value: host }
  certificate.setExtensions([
    { name: "basicConstraints", cA: true },
    { name: "subjectAltName", altNames: [altName] }
  ])
  certificate.sign(forge.pki.privateKeyFromPem(privateKey), forge.md.sha256.create())
  return { key: privateKey, cert: forge.pki.certificateToPem(certificate) }
}
