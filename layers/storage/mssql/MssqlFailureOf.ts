import { MssqlFailure } from "./MssqlTrouble.ts"

/** An error as the server told it (MS-TDS 2.2.7.10). */
export interface ServerMessage {
  readonly number: number
  readonly class: number
  readonly state: number
  readonly message: string
}

/** What the driver or a socket reports, without what may be somebody's data. */
export const failureOf = (error: unknown, sent: boolean): MssqlFailure => {
  const first = error instanceof AggregateError ? (error.errors[0] ?? error) : error
  const field = (name: string): unknown =>
    typeof first === "object" && first !== null ? Reflect.get(first, name) : undefined
  const number = (name: string) => {
    const value = field(name)
    return typeof value === "number" ? value : undefined
  }
  const code = field("code")
  return new MssqlFailure({
    message: withoutValues(first instanceof Error ? first.message : String(first)),
    code: typeof code === "string" ? code : "EUNKNOWN",
    sent: sent && code !== "EINVALIDSTATE",
    number: number("number"),
    class: number("class"),
    state: number("state")
  })
}

/**
 * Cuts the values that some messages quote: of keys (2627, 2601), of what is too long (2628), of what cannot be
 * converted (245, 8114, 248).
 */
export const withoutValues = (message: string): string =>
  message.length > MESSAGE_MAX ? "a message that is too long to be shown" : cut(message)

/** SQL Server's own have at most 2,048 characters. */
const MESSAGE_MAX = 8_192

const cut = (message: string): string =>
  message
    .replace(/ ?The duplicate key value is [\s\S]*$/, "")
    .replace(/ ?Truncated value: [\s\S]*$/, "")
    .replace(/\bvalue ('[\s\S]*'|"[\s\S]*")/g, "value …")
    .replace(/(\bsyntax for type [^:"]*): "[\s\S]*"/, "$1")
    .slice(0, 500)
