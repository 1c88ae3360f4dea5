import forge from "node-forge"

/** ASN.1 as node-forge reads it, BER with its indefinite lengths included. */
export type Asn1Tree = forge.asn1.Asn1

export const Type = forge.asn1.Type

/** undefined if the bytes are not ASN.1 from the first to the last. */
export const parseTree = (bytes: string): Asn1Tree | undefined => {
  try {
    return forge.asn1.fromDer(bytes, true)
  } catch {
    return undefined
  }
}

export const childrenOf = ({ value }: Asn1Tree): ReadonlyArray<Asn1Tree> =>
  typeof value === "string" ? [] : value

/** The node that one comes to by taking the child with each of these numbers in turn. */
export const nodeAt = (tree: Asn1Tree | undefined, ...path: ReadonlyArray<number>): Asn1Tree | undefined =>
  path.reduce((node, at) => (node === undefined ? undefined : childrenOf(node)[at]), tree)

/** Contents as a binary string; of one that BER has cut into pieces, all of them. */
export const octetsOf = (tree: Asn1Tree | undefined): string => {
  if (tree === undefined) return ""
  return typeof tree.value === "string" ? tree.value : tree.value.map(octetsOf).join("")
}

/** Dotted; "" if it is none, or one with a larger number than any that is expected here. */
export const oidOf = (tree: Asn1Tree | undefined): string => {
  if (tree?.type !== Type.OID || typeof tree.value !== "string") return ""
  try {
    return forge.asn1.derToOid(tree.value)
  } catch {
    return ""
  }
}

/** Numbers that take more bytes than any that is expected here are infinite. */
export const numberOf = (tree: Asn1Tree | undefined): number =>
  tree?.type !== Type.INTEGER || typeof tree.value !== "string" || tree.value.length > 6
    ? Number.POSITIVE_INFINITY
    : Number.parseInt(Buffer.from(tree.value, "latin1").toString("hex"), 16)

export const derOf = (tree: Asn1Tree): Buffer => Buffer.from(forge.asn1.toDer(tree).getBytes(), "latin1")
