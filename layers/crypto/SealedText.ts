import { type Context, Effect, Redacted, Schema } from "effect"
import type { MasterKey } from "./MasterKey.ts"

/** A sealed text that a master key does not open. */
export class SealedTextUnreadable extends Schema.TaggedError<SealedTextUnreadable>()("SealedTextUnreadable", {
  reason: Schema.Literal("another key", "damaged")
}) {
  override get message() {
    return this.reason === "another key"
      ? "it was sealed with another master key; seal it again: ens secret seal"
      : "it is damaged (characters are missing or changed); seal it again: ens secret seal"
  }
}

export const isSealed = (text: string): boolean => text.startsWith(PREFIX)

/** `sealed:` and base64url of: the start of the key's check value, and the text wrapped by the key. */
export const sealText = (master: Context.Tag.Service<MasterKey>, text: Redacted.Redacted<string>): string => {
  const plain = Buffer.from(Redacted.value(text), "utf8")
  const wrapped = master.wrap(plain, CONTEXT)
  plain.fill(0)
  return PREFIX + Buffer.concat([markOf(master), wrapped]).toString("base64url")
}

export const openText = (
  master: Context.Tag.Service<MasterKey>,
  sealed: string
): Effect.Effect<Redacted.Redacted<string>, SealedTextUnreadable> =>
  Effect.suspend(() => {
    const body = sealed.slice(PREFIX.length)
    const bytes = Buffer.from(body, "base64url")
    if (!isSealed(sealed) || bytes.toString("base64url") !== body || bytes.length < MARK_BYTES)
      return new SealedTextUnreadable({ reason: "damaged" })
    if (!bytes.subarray(0, MARK_BYTES).equals(markOf(master)))
      return new SealedTextUnreadable({ reason: "another key" })
    return master.unwrap(bytes.subarray(MARK_BYTES), CONTEXT).pipe(
      Effect.mapError(() => new SealedTextUnreadable({ reason: "damaged" })),
      Effect.map((plain) => {
        const text = plain.toString("utf8")
        plain.fill(0)
        return Redacted.make(text)
      })
    )
  })

/** Tells master keys apart and says nothing about them. */
const markOf = (master: Context.Tag.Service<MasterKey>) => master.checkValue.subarray(0, MARK_BYTES)

const PREFIX = "sealed:"
const CONTEXT = "setting"
const MARK_BYTES = 4
