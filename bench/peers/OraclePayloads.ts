import {
  constants,
  createPublicKey,
  type KeyObject,
  publicEncrypt,
  randomBytes,
  randomInt
} from "node:crypto"

/** Kinds of payloads that are all answered alike; `judged`: that take as long as each other, too. */
export type OracleClass = (typeof CLASSES)[number]["name"]

/** A registration that nobody may get through. */
export interface OracleRequest {
  readonly userId: string
  /** base64 */
  readonly payload: string
}

/** Whose key is under attack, and the key of a user whom ENS does not know. */
export interface OracleKeys {
  readonly userId: string
  readonly publicKey: KeyObject
  readonly strangerKey: KeyObject
}

/**
 * The first is what the others are held against. All payloads have two blocks; where one block is wrong, it is either. What
 * `wrong length` holds its sender can see himself, so it is refused before any work: that the figures show it proves that
 * they would show others.
 */
export const CLASSES = [
  {
    name: "wrong address",
    judged: true,
    make: ({ publicKey, userId }: OracleKeys): OracleRequest => request(userId, encrypted(publicKey, json()))
  },
  {
    name: "wrong address again",
    judged: true,
    make: ({ publicKey, userId }: OracleKeys): OracleRequest => request(userId, encrypted(publicKey, json()))
  },
  {
    name: "wrong padding",
    judged: true,
    make: ({ publicKey, userId }: OracleKeys): OracleRequest => {
      const blocks = encrypted(publicKey, json())
      blocks[randomInt(2)] = raw(publicKey, wrongPadding())
      return request(userId, blocks)
    }
  },
  {
    name: "rubbish, right padding",
    judged: true,
    make: ({ publicKey, userId }: OracleKeys): OracleRequest => {
      const blocks = encrypted(publicKey, json())
      const rubbish = randomBytes(randomInt(1, PIECE + 1))
      blocks[randomInt(2)] = encrypted(publicKey, rubbish)[0]!
      return request(userId, blocks)
    }
  },
  {
    name: "no JSON",
    judged: true,
    make: ({ publicKey, userId }: OracleKeys): OracleRequest =>
      request(userId, encrypted(publicKey, Buffer.from(json().toString("latin1").replaceAll(":", ";"))))
  },
  {
    name: "above the modulus",
    judged: true,
    make: ({ publicKey, userId }: OracleKeys): OracleRequest => {
      const blocks = encrypted(publicKey, json())
      blocks[randomInt(2)] = Buffer.concat([Buffer.alloc(32, 0xff), randomBytes(BLOCK - 32)])
      return request(userId, blocks)
    }
  },
  {
    name: "unknown user",
    judged: true,
    make: ({ strangerKey }: OracleKeys): OracleRequest =>
      request(randomBytes(32).toString("hex"), encrypted(strangerKey, json()))
  },
  {
    name: "wrong length",
    judged: false,
    make: ({ publicKey, userId }: OracleKeys): OracleRequest =>
      request(userId, [...encrypted(publicKey, json()), Buffer.alloc(1)])
  }
] as const

export const publicKeyOf = (base64: string): KeyObject =>
  createPublicKey({ key: Buffer.from(base64, "base64"), format: "der", type: "spki" })

/** RSA-2048. */
const BLOCK = 256
const PIECE = BLOCK - 11

const request = (userId: string, blocks: ReadonlyArray<Buffer>): OracleRequest => ({
  userId,
  payload: Buffer.concat(blocks).toString("base64")
})

/** Credentials of somebody else, of two pieces. */
const json = (): Buffer =>
  Buffer.from(
    JSON.stringify({
      emailAddress: `${randomBytes(8).toString("hex")}@example.com`,
      username: randomBytes(60).toString("hex"),
      password: randomBytes(90).toString("base64")
    })
  )

const encrypted = (key: KeyObject, plain: Buffer): Array<Buffer> => {
  const blocks: Array<Buffer> = []
  for (let at = 0; at < plain.length; at += PIECE) {
    const piece = plain.subarray(at, at + PIECE)
    blocks.push(publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, piece))
  }
  return blocks
}

const raw = (key: KeyObject, encoded: Buffer): Buffer =>
  publicEncrypt({ key, padding: constants.RSA_NO_PADDING }, encoded)

/** An encoded message (RFC 8017, section 7.2.1) that is wrong in one of the ways that attacks tell apart. */
const wrongPadding = (): Buffer => {
  const encoded = Buffer.from(randomBytes(BLOCK).map((byte) => byte || 1))
  encoded[0] = 0
  encoded[1] = 2
  const way = randomInt(4)
  if (way === 0) encoded[1] = randomInt(3, 256)
  // An end too early, or none.
  if (way === 1) encoded[randomInt(2, 10)] = 0
  // A number below any modulus of 2048 bits all the same.
  if (way === 3) encoded[0] = randomInt(1, 128)
  return encoded
}
