/**
 * From what an administrator types to a user's id, inside this page: an address leaves it neither in a request nor in a
 * link.
 */

/**
 * The SHA-256 of the trimmed, lower-cased address as 64 digits; an id stays as it is.
 * @param {string} typed
 * @returns {Promise<string | undefined>} undefined if it is neither
 */
export const userIdOf = async (typed) => {
  const text = typed.trim().toLowerCase()
  if (isUserId(text)) return text
  if (!/^[^\s@]+@[^\s@]+$/.test(text)) return undefined
  const bytes = new TextEncoder().encode(text)
  // Browsers give crypto.subtle to https and to this machine only.
  const digest =
    globalThis.crypto?.subtle === undefined
      ? sha256(bytes)
      : new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("")
}

/** @param {string} text */
export const isUserId = (text) => /^[0-9a-f]{64}$/.test(text)

/**
 * FIPS 180-4, for a page that came over plain http from another machine.
 * @param {Uint8Array} message
 */
export const sha256 = (message) => {
  const bits = message.length * 8
  const padded = new Uint8Array((((message.length + 8) >> 6) + 1) * 64)
  padded.set(message)
  padded[message.length] = 0x80
  const view = new DataView(padded.buffer)
  view.setUint32(padded.length - 8, Math.floor(bits / 2 ** 32))
  view.setUint32(padded.length - 4, bits >>> 0)
  const hash = Uint32Array.from(PRIMES.slice(0, 8), (prime) => fraction(Math.sqrt(prime)))
  for (let at = 0; at < padded.length; at += 64) digestBlock(hash, view, at)
  const digest = new DataView(new ArrayBuffer(32))
  hash.forEach((word, index) => {
    digest.setUint32(index * 4, word)
  })
  return new Uint8Array(digest.buffer)
}

const PRIMES = (() => {
  const primes = /** @type {Array<number>} */ ([])
  for (let n = 2; primes.length < 64; n++) if (primes.every((prime) => n % prime !== 0)) primes.push(n)
  return primes
})()

/** The first 32 bits behind the point. @param {number} value */
const fraction = (value) => Math.floor((value % 1) * 2 ** 32)
const ROUNDS = PRIMES.map((prime) => fraction(Math.cbrt(prime)))

/** @param {number} word @param {number} by */
const turned = (word, by) => (word >>> by) | (word << (32 - by))

/** @param {Uint32Array} hash @param {DataView} view @param {number} at */
const digestBlock = (hash, view, at) => {
  const words = new Uint32Array(64)
  for (let i = 0; i < 64; i++) words[i] = i < 16 ? view.getUint32(at + i * 4) : nextWord(words, i)
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = hash
  for (let i = 0; i < 64; i++) {
    const one = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)
    const first = (h + one + ((e & f) ^ (~e & g)) + (ROUNDS[i] ?? 0) + (words[i] ?? 0)) | 0
    const two = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)
    const second = (two + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + first) | 0
    d = c
    c = b
    b = a
    a = (first + second) | 0
  }
  for (const [i, word] of [a, b, c, d, e, f, g, h].entries()) hash[i] = (hash[i] ?? 0) + word
}

/** @param {Uint32Array} words @param {number} i */
const nextWord = (words, i) => {
  const [early, late] = [words[i - 15] ?? 0, words[i - 2] ?? 0]
  const low = turned(early, 7) ^ turned(early, 18) ^ (early >>> 3)
  const high = turned(late, 17) ^ turned(late, 19) ^ (late >>> 10)
  return (words[i - 16] ?? 0) + low + (words[i - 7] ?? 0) + high
}
