import { type Context, DateTime, Effect, Option, Schema } from "effect"
import type { StorageError } from "../../schemas/StorageError.ts"
import type { Storage } from "./Storage.ts"

/** Names of what the database knows of its master key (`Storage.meta`). */
export const KEY_CHECK = "masterKeyCheck"
export const ROTATION = "masterKeyRotation"

/** A rotation of the master key that is under way. It is noted before the first key is wrapped anew. */
export class RotationState extends Schema.Class<RotationState>("RotationState")({
  /** Check value of the key that is replaced. */
  from: Schema.Uint8ArrayFromBase64,
  /** Check value of the new key. */
  to: Schema.Uint8ArrayFromBase64,
  /** Milliseconds since 1970. */
  startedAt: Schema.Number,
  /** `keys`: the database's keys are being wrapped anew; `files`: they all are, what lies outside of it may not be yet. */
  step: Schema.Literal("keys", "files")
}) {}

/** The database's keys are partly those of the old and partly those of the new master key. */
export class RotationUnfinished extends Schema.TaggedError<RotationUnfinished>()("RotationUnfinished", {
  startedAt: Schema.Number
}) {
  override get message() {
    return `a rotation of the master key was begun on ${dateOf(this.startedAt)} and not finished; run: ens secret rotate`
  }
}

export const dateOf = (millis: number): string =>
  `${DateTime.formatIso(DateTime.unsafeMake(millis)).slice(0, 19)}Z`

export const findRotation = (
  storage: Context.Tag.Service<Storage>
): Effect.Effect<Option.Option<RotationState>, StorageError> =>
  Effect.map(
    storage.findMeta(ROTATION),
    // What cannot be read was not written by this version: a defect.
    Option.map((bytes) => decode(Buffer.from(bytes).toString("utf8")))
  )

export const encodeRotation = (state: RotationState): Uint8Array =>
  Uint8Array.from(Buffer.from(encode(state), "utf8"))

const Json = Schema.parseJson(RotationState)
const encode = Schema.encodeSync(Json)
const decode = Schema.decodeSync(Json)
