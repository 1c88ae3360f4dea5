import { generateKeyPairSync } from "node:crypto"
import { isIP } from "node:net"
import forge from "node-forge"

/** A key and a certificate for a name, or an address, that only those trust who are told to. */
export const selfSigned = (name: string): { readonly key: string; readonly cert: string } => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })
  const key = privateKey.export({ type: "pkcs1", format: "pem" }).toString()
  const pair = forge.pki.privateKeyFromPem(key)
  const certificate = forge.pki.createCertificate()
  certificate.publicKey = forge.pki.setRsaPublicKey(pair.n, pair.e)
  certificate.serialNumber = "01"
  certificate.validity.notBefore = new Date(Date.now() - 3_600_000)
  certificate.validity.notAfter = new Date(Date.now() + 3_600_000)
  const subject = [{ name: "commonName", value: name }]
  certificate.setSubject(subject)
  certificate.setIssuer(subject)
  certificate.setExtensions([
    { name: "basicConstraints", cA: true },
    {
      name: "subjectAltName",
      altNames: [isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name }]
    }
  ])
  certificate.sign(pair, forge.md.sha256.create())
  return { key, cert: forge.pki.certificateToPem(certificate) }
}
