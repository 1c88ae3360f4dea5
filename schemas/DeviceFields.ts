import { ParseResult, Schema } from "effect"
import { EXCHANGE_VERSIONS, ExchangeVersion } from "./EwsMessage.ts"
import { UserId } from "./Ids.ts"

/**
 * The fields of devices' requests. Where ENS2 understood several spellings, so do these; the message of a failure starts
 * with "must" and never repeats the value.
 */

/** Half a character pair would be another text once it is stored or sent. */
const isPlain = (text: string) =>
  /\p{Cc}/u.test(text)
    ? "must not have control characters"
    : text.isWellFormed() || "must be well-formed Unicode"

/** A text that is not empty and fits into a log line and a header. */
export const textOf = (max: number, description: string) =>
  Schema.String.pipe(
    Schema.filter((text) => text.trim() !== "" || "must not be empty"),
    Schema.filter((text) => text.length <= max || `must have at most ${max} characters`),
    Schema.filter(isPlain),
    Schema.annotations({ jsonSchema: { type: "string", minLength: 1, maxLength: max, description } })
  )

/** A text that may be empty. */
export const shortText = (max: number, description: string) =>
  Schema.String.pipe(
    Schema.filter((text) => text.length <= max || `must have at most ${max} characters`),
    Schema.filter(isPlain),
    Schema.annotations({ jsonSchema: { type: "string", maxLength: max, description } })
  )

/** One value of several spellings, given as text, number or boolean; `read` gets it as trimmed text. */
const spelled = <A extends string | number | boolean>(
  to: Schema.Schema<A>,
  jsonSchema: object,
  must: string,
  read: (text: string) => A | undefined
) =>
  Schema.transformOrFail(
    Schema.Union(Schema.String, Schema.Number, Schema.Boolean).annotations({ jsonSchema }),
    to,
    {
      strict: true,
      decode: (value, _, ast) => {
        const found = read(String(value).trim())
        return found === undefined
          ? ParseResult.fail(new ParseResult.Type(ast, value, must))
          : ParseResult.succeed(found)
      },
      encode: ParseResult.succeed
    }
  )

const ignoringCase = <A extends string>(names: ReadonlyArray<A>, text: string) =>
  names.find((name) => name.toLowerCase() === text.toLowerCase())

/** One of the names, ignoring case. */
export const nameOf = <const A extends string>(...names: readonly [A, ...ReadonlyArray<A>]) =>
  spelled<A>(Schema.Literal(...names), { enum: names }, `must be one of ${names.join(", ")}`, (text) =>
    ignoringCase(names, text)
  )

export const flag = spelled(Schema.Boolean, { type: "boolean" }, "must be true or false", (text) => {
  const name = ignoringCase(["true", "false"], text)
  return name === undefined ? undefined : name === "true"
})

/** ENS2's PolicyLimitNotificationText. */
export const policy = spelled(
  Schema.Literal(0, 1, 2, 3, 4),
  {
    enum: [0, 1, 2, 3, 4],
    description:
      "0 sender, subject, preview · 1 sender, subject (default) · 2 sender · 3 New message · 4 badge only."
  },
  "must be 0, 1, 2, 3 or 4",
  (text) => ([0, 1, 2, 3, 4] as const).find((number) => String(number) === text)
)

/** The number in the order of the EWS Managed API's enumeration, or the name. */
export const exchangeVersion = spelled(
  ExchangeVersion,
  {
    anyOf: [
      { enum: EXCHANGE_VERSIONS },
      { type: "integer", minimum: 0, maximum: EXCHANGE_VERSIONS.length - 1 }
    ],
    description: "Name, or number in the order of the EWS Managed API's enumeration."
  },
  `must be 0 to ${EXCHANGE_VERSIONS.length - 1}, or a name like Exchange2013_SP1`,
  (text) => (/^\d{1,2}$/.test(text) ? EXCHANGE_VERSIONS[Number(text)] : ignoringCase(EXCHANGE_VERSIONS, text))
)

export const userId = Schema.transform(
  Schema.String.annotations({
    jsonSchema: {
      type: "string",
      pattern: "^[0-9a-fA-F]{64}$",
      description: "Hexadecimal SHA-256 of the lower-cased e-mail address."
    }
  }),
  UserId,
  { strict: true, decode: (text) => text.toLowerCase(), encode: (id) => id }
)

export const deviceToken = textOf(4096, "The token that the push service gave the app.")

/** Sent on in a header that separates ids by commas. */
export const deviceId = Schema.String.pipe(
  Schema.pattern(/^[\x21-\x2b\x2d-\x7e]{1,255}$/, {
    message: () => "must be at most 255 visible characters without spaces and commas"
  }),
  Schema.annotations({
    jsonSchema: { type: "string", description: "The device's UEM id, sent on to a Secure Email Gateway." }
  })
)

export const ewsUrl = Schema.String.pipe(
  Schema.filter((text) => isWebUrl(text) || "must be an http or https URL without user name"),
  Schema.filter((text) => text.length <= 1024 || "must have at most 1024 characters"),
  // `URL` overlooks tabs and line breaks.
  Schema.filter(isPlain),
  Schema.annotations({
    jsonSchema: {
      type: "string",
      format: "uri",
      description: "Where the mailbox is; one of the tenant's. Absent: found out."
    }
  })
)

const isWebUrl = (text: string) => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url !== undefined && /^https?:$/.test(url.protocol) && url.username === "" && url.password === ""
}
