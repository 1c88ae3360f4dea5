import type { Random } from "../chaos/Random.ts"
import { mutateDer } from "./MutateDer.ts"
import { mutateJson } from "./MutateJson.ts"
import { mutateXml } from "./MutateXml.ts"
import type { Form } from "./Target.ts"

/** What inputs are made of. */
export interface Stock {
  readonly form: Form
  readonly words: ReadonlyArray<string>
  readonly longest: number
  /** Any other input. */
  readonly other: () => Buffer
}

/** Another input, by a few changes of the one given. One in several hundred becomes much longer than `longest`. */
export const mutated = (random: Random, input: Buffer, stock: Stock): Buffer => {
  let bytes = input
  do {
    bytes = random.happens(0.4) ? structured(random, bytes, stock) : edited(random, bytes, stock)
  } while (random.happens(0.5))
  if (random.happens(1 / 400)) return exploded(random, bytes, stock)
  return bytes.length > stock.longest ? bytes.subarray(0, stock.longest) : bytes
}

const structured = (random: Random, bytes: Buffer, stock: Stock): Buffer => {
  switch (stock.form) {
    case "xml":
      return mutateXml(random, bytes)
    case "json":
      return mutateJson(random, bytes)
    case "der":
      return mutateDer(random, bytes)
    default:
      return random.happens(0.5) ? numbered(random, bytes) : edited(random, bytes, stock)
  }
}

const edited = (random: Random, bytes: Buffer, { other, words }: Stock): Buffer => {
  const at = random.below(bytes.length + 1)
  const length = random.happens(0.7) ? random.below(8) : random.below(bytes.length - at + 1)
  const piece = bytes.subarray(at, at + length)
  switch (random.below(10)) {
    case 0: {
      const copy = Buffer.from(bytes)
      if (at < copy.length) copy[at] = copy[at]! ^ (1 << random.below(8))
      return copy
    }
    case 1: {
      const copy = Buffer.from(bytes)
      if (at < copy.length) copy[at] = random.pick(EDGES)
      return copy
    }
    case 2:
      return spliced(bytes, at, length, NOTHING)
    case 3:
      return spliced(bytes, random.below(bytes.length + 1), 0, piece)
    case 4: {
      const foreign = other()
      const from = random.below(foreign.length + 1)
      return spliced(bytes, at, length, foreign.subarray(from, from + random.below(256)))
    }
    case 5: {
      const foreign = other()
      return Buffer.concat([bytes.subarray(0, at), foreign.subarray(random.below(foreign.length + 1))])
    }
    case 6:
      return bytes.subarray(0, at)
    case 7:
      return spliced(bytes, at, length, Buffer.alloc(1 + random.below(300), piece.length > 0 ? piece : "A"))
    default:
      return words.length === 0
        ? spliced(bytes, at, 0, Buffer.from([random.below(256)]))
        : spliced(bytes, at, random.happens(0.5) ? 0 : length, Buffer.from(random.pick(words)))
  }
}

/** A number of the text, or two or four bytes, get a value at the edge of what anybody expects. */
const numbered = (random: Random, bytes: Buffer): Buffer => {
  const found = [...bytes.toString("latin1").matchAll(/\d+/g)]
  if (found.length > 0 && random.happens(0.7)) {
    const { 0: digits, index } = random.pick(found)
    return spliced(bytes, index, digits.length, Buffer.from(random.pick(NUMBERS)))
  }
  if (bytes.length < 4) return bytes
  const copy = Buffer.from(bytes)
  const at = random.below(bytes.length - 3)
  const value = random.pick(WORDS)
  const how = random.below(3)
  if (how === 0) copy.writeUInt16LE(value & 0xffff, at)
  else if (how === 1) copy.writeUInt32LE(value >>> 0, at)
  else copy.writeUInt32BE(value >>> 0, at)
  return copy
}

/** A piece again and again: what takes more than linear time shows by it. */
const exploded = (random: Random, bytes: Buffer, { words }: Stock): Buffer => {
  const at = random.below(bytes.length + 1)
  const piece =
    words.length > 0 && random.happens(0.5)
      ? Buffer.from(random.pick(words))
      : bytes.subarray(at, at + 1 + random.below(64))
  return spliced(bytes, at, 0, Buffer.alloc(random.pick(LENGTHS), piece.length > 0 ? piece : " "))
}

const spliced = (bytes: Buffer, at: number, length: number, piece: Uint8Array): Buffer =>
  Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at + length)])

const NOTHING = Buffer.alloc(0)
const EDGES = [
  0, 1, 9, 10, 13, 32, 34, 38, 39, 44, 47, 58, 60, 61, 62, 92, 0x7f, 0x80, 0xc0, 0xed, 0xfe, 0xff
]
const WORDS = [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x7fffffff, -0x80000000, -1]
const NUMBERS =
  "0 -1 1 255 256 65535 65536 2147483648 4294967296 9007199254740993 1e309 0x10 00000000000001 -0"
    .split(" ")
    .concat("9".repeat(400))
const LENGTHS = [4_096, 16_384, 65_536, 262_144, 1_048_576]
