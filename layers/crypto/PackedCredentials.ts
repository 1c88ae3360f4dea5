import { type Option, Schema } from "effect"
import type { Credentials } from "../../schemas/Credentials.ts"

/**
 * Credentials as the shortest JSON that goes into a callback URL, filled up with blanks to a multiple of 32 bytes so that
 * the URL's length does not tell the password's. The caller wipes the bytes.
 */
export const pack = (credentials: Credentials): Buffer => {
  const json = Buffer.from(encode(credentials), "utf8")
  const padded = Buffer.alloc(Math.ceil(json.length / PADDED_TO) * PADDED_TO, " ")
  json.copy(padded)
  json.fill(0)
  return padded
}

/** The opposite of `pack`; none for anything else. */
export const unpack = (packed: Uint8Array): Option.Option<Credentials> =>
  decode(Buffer.from(packed.buffer, packed.byteOffset, packed.length).toString("utf8"))

const PADDED_TO = 32

const optional = <K extends string>(key: K) =>
  Schema.optionalWith(Schema.String, { exact: true }).pipe(Schema.fromKey(key))

const Packed = Schema.Struct({
  address: Schema.propertySignature(Schema.String).pipe(Schema.fromKey("a")),
  username: optional("u"),
  domain: optional("d"),
  password: optional("p"),
  accessToken: optional("t"),
  certificate: optional("c"),
  certificatePassword: optional("k")
})

const encode = Schema.encodeSync(Schema.parseJson(Packed))
// An Option, not an Either: a ParseError quotes what it read.
const decode = Schema.decodeUnknownOption(Schema.parseJson(Packed))
