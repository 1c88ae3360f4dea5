import { type Asn1Tree, childrenOf, numberOf, octetsOf, oidOf, parseTree, Type } from "./Asn1Tree.ts"

/**
 * Rounds of key derivation that a file may ask for in all, by Node's arithmetic (0.1 s) and by node-forge's (0.3 s).
 * openssl and Windows ask for 2,000 in each of its three parts, some versions of Java for 200,000 together.
 */
export const ROUNDS_MAX = 200_000
export const LEGACY_ROUNDS_MAX = 20_000

/** Opening the file would keep our only thread busy for too long. */
export class TooManyRounds extends Error {}

/**
 * Throws `TooManyRounds` if this much of a PKCS#12 file asks for more rounds than `most`. Only what is not encrypted can be
 * seen, so what comes out of a decryption has to be looked at again.
 */
export const checkRounds = (tree: Asn1Tree, most: number): void => {
  if (roundsOf(tree, 0) > most) throw new TooManyRounds()
}

/** Of the MAC, and of what is encrypted. */
const roundsOf = (tree: Asn1Tree, depth: number): number => {
  if (tree.type === Type.OCTETSTRING) {
    // It holds further ASN.1 where nothing is encrypted.
    const inner = depth < DEPTH_MAX ? parseTree(octetsOf(tree)) : undefined
    return inner === undefined ? 0 : roundsOf(inner, depth + 1)
  }
  // Its work is a product of several numbers, and no program is known that protects such files by it.
  if (oidOf(tree) === SCRYPT) return Number.POSITIVE_INFINITY
  const children = childrenOf(tree)
  // MacData, PBE parameters and PBKDF2 parameters all have the number right behind the salt.
  return children.reduce((sum, child, at) => {
    const isRounds = child.type === Type.INTEGER && children[at - 1]?.type === Type.OCTETSTRING
    return sum + (isRounds ? numberOf(child) : roundsOf(child, depth + 1))
  }, 0)
}

const DEPTH_MAX = 32
/** id-scrypt (RFC 7914, 7). */
const SCRYPT = "1.3.6.1.4.1.11591.4.11"
