/** So many bits nobody guesses, and nobody makes fewer on purpose. */
export const STRONG_BITS = 128

/**
 * Bits that a token seems to have, from its length and the kinds of characters in it: an upper bound, because nobody can see
 * whether they are random. Few different characters count as what they are; dashes among hexadecimal digits (UUIDs) not at all.
 */
export const apparentBits = (token: string): number => {
  const undashed = token.replaceAll("-", "")
  const isHex = /^([0-9a-f]+|[0-9A-F]+)$/.test(undashed)
  const counted = isHex ? undashed : token
  const alphabet = isHex && !/^\d+$/.test(undashed) ? 16 : sizesOf(counted)
  const different = new Set(counted).size
  return Math.floor(counted.length * Math.log2(different < FEW ? different : alphabet))
}

const sizesOf = (token: string): number =>
  KINDS.reduce((size, [kind, more]) => (kind.test(token) ? size + more : size), 0)

const KINDS = [
  [/\d/, 10],
  [/[a-z]/, 26],
  [/[A-Z]/, 26],
  [/[^\dA-Za-z]/, 32]
] as const

/** A random text that is long enough has more than these. */
const FEW = 8
