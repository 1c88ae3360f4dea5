import { Option } from "effect"
import type { Credentials } from "../../schemas/Credentials.ts"

/**
 * Credentials as the shortest JSON that goes into a callback URL, filled up with blanks to a multiple of 32 bytes so that
 * the URL's length does not tell the password's. The caller wipes the bytes.
 */
export const pack = (credentials: Credentials): Buffer => {
  const short = FIELDS.flatMap(([key, field]) =>
    credentials[field] === undefined ? [] : [[key, credentials[field]] as const]
  )
  const json = Buffer.from(JSON.stringify(Object.fromEntries(short)), "utf8")
  const padded = Buffer.alloc(Math.ceil(json.length / PADDED_TO) * PADDED_TO, " ")
  json.copy(padded)
  json.fill(0)
  return padded
}

/** The opposite of `pack`; none for anything else. By hand, because it is done for every mail. */
export const unpack = (packed: Uint8Array): Option.Option<Credentials> => {
  const found = parsed(Buffer.from(packed.buffer, packed.byteOffset, packed.length).toString("utf8"))
  if (typeof found !== "object" || found === null) return Option.none()
  const credentials: { -readonly [Field in keyof Credentials]?: string } = {}
  for (const [key, field] of FIELDS) {
    const value: unknown = Reflect.get(found, key)
    if (value === undefined) continue
    if (typeof value !== "string") return Option.none()
    credentials[field] = value
  }
  const { address } = credentials
  return address === undefined ? Option.none() : Option.some({ ...credentials, address })
}

const PADDED_TO = 32

const FIELDS: ReadonlyArray<readonly [string, keyof Credentials]> = [
  ["a", "address"],
  ["u", "username"],
  ["d", "domain"],
  ["p", "password"],
  ["t", "accessToken"],
  ["c", "certificate"],
  ["k", "certificatePassword"]
]

/** undefined for what is no JSON: an error would quote it. */
const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
