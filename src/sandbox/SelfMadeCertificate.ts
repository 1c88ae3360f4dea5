import { generateKeyPairSync } from "node:crypto"
import { isIP } from "node:net"
import forge from "node-forge"

/** A key and a certificate, PEM. */
export interface KeyAndCertificate {
  readonly key: string
  readonly cert: string
}

/** A certificate for these hosts (names or addresses) that signs itself: only those trust it who are told to. */
export const selfMade = (hosts: ReadonlyArray<string>, days: number): KeyAndCertificate => {
  // Made by OpenSSL: forge needs seconds for a key.
  const { privateKey, publicKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" }
  })
  const certificate = forge.pki.createCertificate()
  certificate.publicKey = forge.pki.publicKeyFromPem(publicKey)
  // Positive, and another one each time, as browsers and OpenSSL want it.
  certificate.serialNumber = `01${forge.util.bytesToHex(forge.random.getBytesSync(15))}`
  certificate.validity.notBefore = new Date(Date.now() - DAY)
  certificate.validity.notAfter = new Date(Date.now() + days * DAY)
  const name = [{ name: "commonName", value: hosts[0] ?? "" }]
  certificate.setSubject(name)
  certificate.setIssuer(name)
  const altNames = hosts.map((host) => (isIP(host) === 0 ? { type: 2, value: host } : { type: 7, ip: host }))
  certificate.setExtensions([
    { name: "basicConstraints", cA: true },
    { name: "subjectAltName", altNames }
  ])
  certificate.sign(forge.pki.privateKeyFromPem(privateKey), forge.md.sha256.create())
  return { key: privateKey, cert: forge.pki.certificateToPem(certificate) }
}

const DAY = 86_400_000
