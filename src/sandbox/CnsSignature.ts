import { createHash, verify, type X509Certificate } from "node:crypto"
import forge from "node-forge"

/**
 * What is wrong with the signature of a request: `Authorization: CMSURL'1 <base64>`, a detached CMS signature (RFC 5652)
 * over the URL's path by this certificate. Undefined if nothing is. Written apart from the product's signer on purpose.
 */
export const signatureProblem = (
  authorization: string | undefined,
  path: string,
  certificate: X509Certificate
): string | undefined => {
  const [, base64] = CMSURL.exec(authorization ?? "") ?? []
  if (base64 === undefined) return "no CMSURL signature"
  try {
    return problemOf(forge.asn1.fromDer(Buffer.from(base64, "base64").toString("latin1")), path, certificate)
  } catch {
    return "not a CMS signature"
  }
}

/** Whether it has the form of one; .NET's clients write a backtick, others an apostrophe. */
export const isSigned = (authorization: string | undefined): boolean => CMSURL.test(authorization ?? "")

const CMSURL = /^CMSURL['`]1 ([A-Za-z0-9+/]+={0,2})$/

const problemOf = (
  contentInfo: forge.asn1.Asn1,
  path: string,
  certificate: X509Certificate
): string | undefined => {
  if (oidAt(contentInfo, 0) !== SIGNED_DATA) return "not a CMS signature"
  const signedData = at(contentInfo, 1, 0)
  if (children(at(signedData, 2)).length !== 1) return "the signature is not detached"
  const certificates = children(at(signedData, 3))
  const [shown] = certificates
  if (shown === undefined || certificates.length > 1) return "not the signer's certificate alone"
  if (!der(shown).equals(certificate.raw)) return "signed by another certificate"
  const signer = at(signedData, 4, 0)
  const digest = DIGESTS.get(oidAt(signer, 2, 0))
  if (digest === undefined) return "a digest other than SHA-256 and SHA-1"
  const attributes = at(signer, 3)
  const values = new Map(
    children(attributes).map((attribute) => [oidAt(attribute, 0), at(attribute, 1, 0)] as const)
  )
  const messageDigest = values.get(MESSAGE_DIGEST)
  const contentType = values.get(CONTENT_TYPE)
  if (contentType === undefined || oidAt(contentType) !== DATA) return "no content type"
  if (!values.has(SIGNING_TIME)) return "no signing time"
  if (messageDigest === undefined || !octets(messageDigest).equals(createHash(digest).update(path).digest()))
    return `not a signature over ${path}`
  // They are signed as a SET, and written with the tag [0] (RFC 5652, 5.4).
  const signed = der(attributes)
  signed[0] = 0x31
  return verify(digest, signed, certificate.publicKey, octets(at(signer, 5)))
    ? undefined
    : "the signature is wrong"
}

const SIGNED_DATA = "1.2.840.113549.1.7.2"
const DATA = "1.2.840.113549.1.7.1"
const CONTENT_TYPE = "1.2.840.113549.1.9.3"
const MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
const SIGNING_TIME = "1.2.840.113549.1.9.5"
const DIGESTS: ReadonlyMap<string, string> = new Map([
  ["2.16.840.1.101.3.4.2.1", "sha256"],
  ["1.3.14.3.2.26", "sha1"]
])

const children = ({ value }: forge.asn1.Asn1): ReadonlyArray<forge.asn1.Asn1> =>
  typeof value === "string" ? [] : value

/** Throws if there is nothing. */
const at = (tree: forge.asn1.Asn1, ...path: ReadonlyArray<number>): forge.asn1.Asn1 =>
  path.reduce((node, index) => {
    const child = children(node)[index]
    if (child === undefined) throw new Error("something is missing")
    return child
  }, tree)

const oidAt = (tree: forge.asn1.Asn1, ...path: ReadonlyArray<number>): string =>
  forge.asn1.derToOid(octets(at(tree, ...path)).toString("latin1"))

const octets = ({ value }: forge.asn1.Asn1) => Buffer.from(typeof value === "string" ? value : "", "latin1")

const der = (tree: forge.asn1.Asn1) => Buffer.from(forge.asn1.toDer(tree).getBytes(), "latin1")
