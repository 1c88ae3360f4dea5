import { type Asn1Tree, childrenOf, numberOf, octetsOf, parseTree, Type } from "./Asn1Tree.ts"

/**
 * The highest number of key derivation rounds that a PKCS#12 file asks for, as far as it can be seen without decrypting
 * anything: of the MAC, and of what is encrypted.
 */
export const roundsOf = (tree: Asn1Tree, depth = 0): number => {
  if (tree.type === Type.OCTETSTRING) {
    // It holds further ASN.1 where nothing is encrypted.
    const inner = depth < DEPTH_MAX ? parseTree(octetsOf(tree)) : undefined
    return inner === undefined ? 0 : roundsOf(inner, depth + 1)
  }
  const children = childrenOf(tree)
  // MacData, PBE parameters and PBKDF2 parameters all have the number right behind the salt.
  return children.reduce((highest, child, at) => {
    const isRounds = child.type === Type.INTEGER && children[at - 1]?.type === Type.OCTETSTRING
    return Math.max(highest, isRounds ? numberOf(child) : roundsOf(child, depth + 1))
  }, 0)
}

const DEPTH_MAX = 32
