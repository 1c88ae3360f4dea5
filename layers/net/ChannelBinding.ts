import { createHash } from "node:crypto"
import * as Der from "./Der.ts"

/**
 * What ties an NTLM log-in to the TLS channel that it is sent over (AV pair MsvAvChannelBindings, MS-NLMP 2.2.2.1): MD5
 * over gss_channel_bindings_struct with the `tls-server-end-point` of the server's certificate. 16 bytes.
 */
export const channelBindingOf = (certificate: { readonly raw: Buffer }): Buffer => {
  const data = Buffer.concat([Buffer.from("tls-server-end-point:"), endPointHash(certificate.raw)])
  // Types and lengths of the initiator's and the acceptor's address, all 0, then the length of the data.
  const head = Buffer.alloc(20)
  head.writeUInt32LE(data.length, 16)
  return createHash("md5").update(head).update(data).digest()
}

/**
 * Hash of a certificate (DER) by the function that it was signed with, SHA-256 in place of MD5 and SHA-1 (RFC 5929, 4.1).
 * The RFC leaves open what goes with other signatures (Ed25519); SHA-256 is what OpenSSL and Windows take.
 */
export const endPointHash = (certificate: Buffer): Buffer =>
  createHash(signatureHash(certificate)).update(certificate).digest()

/** Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { OID, parameters }, signature } */
const signatureHash = (certificate: Buffer): string => {
  const algorithm = elementsIn(elementsIn(Der.contents(certificate, SEQUENCE))[1]?.body)
  const oid = hex(algorithm[0])
  if (oid !== RSA_PSS) return HASHES.get(oid) ?? "sha256"
  // RSASSA-PSS-params name their hash in field 0.
  const hash = Der.find(elementsIn(algorithm[1]?.body), 0xa0)
  return HASHES.get(hex(elementsIn(Der.contents(hash, SEQUENCE))[0])) ?? "sha256"
}

const SEQUENCE = 0x30
const elementsIn = (bytes: Buffer | undefined) => (bytes && Der.readAll(bytes)) ?? []
const hex = (element: Der.DerElement | undefined) => element?.body.toString("hex") ?? ""

/** 1.2.840.113549.1.1.10 */
const RSA_PSS = "2a864886f70d01010a"
/** Object identifiers that stand for a hash better than SHA-256. */
const HASHES: ReadonlyMap<string, string> = new Map([
  // sha384WithRSAEncryption, ecdsa-with-SHA384, SHA-384
  ["2a864886f70d01010c", "sha384"],
  ["2a8648ce3d040303", "sha384"],
  ["608648016503040202", "sha384"],
  // sha512WithRSAEncryption, ecdsa-with-SHA512, SHA-512
  ["2a864886f70d01010d", "sha512"],
  ["2a8648ce3d040304", "sha512"],
  ["608648016503040203", "sha512"]
])
