import { join } from "node:path"
import { Effect, Schema } from "effect"
import { readIfThere, replace } from "./CnsFiles.ts"
import { PushSetupError } from "./PushSetupError.ts"

/** A pin that `ens pin` has stored. Times: milliseconds since 1970. */
export const StoredPin = Schema.Struct({
  /** SHA-256 of the public key (SPKI), lower-case hex. */
  pin: Schema.String.pipe(Schema.pattern(/^[0-9a-f]{64}$/)),
  /** Host and port, or the file, that it came from. */
  from: Schema.String,
  /** Of the certificate that it was seen in. */
  subject: Schema.String,
  expiresAt: Schema.Number,
  addedAt: Schema.Number
})
export type StoredPin = typeof StoredPin.Type

/** Where `ens pin` keeps the pins of CNS: in the data directory, as readable JSON; they are no secrets. */
export const pinsFile = (dataDir: string): string => join(dataDir, "cns.pins.json")

/** The stored pins, oldest first. */
export const read = Effect.fnUntraced(function* (
  dataDir: string
): Effect.fn.Return<ReadonlyArray<StoredPin>, PushSetupError> {
  const file = pinsFile(dataDir)
  const cure = "repair or remove it, and pin CNS again: ens pin add HOST"
  const bytes = yield* readIfThere(file, MAX, cure)
  if (bytes === undefined) return []
  // Pins that cannot be read must not mean "no pins".
  return yield* decode(bytes.toString("utf8")).pipe(
    Effect.mapError(() => new PushSetupError({ gateway: "cns", problem: `${file} is damaged; ${cure}` }))
  )
})

/** Stores these in place of all others. */
export const write = (dataDir: string, pins: ReadonlyArray<StoredPin>): Effect.Effect<void, PushSetupError> =>
  replace(pinsFile(dataDir), Buffer.from(`${JSON.stringify(pins, null, 2)}\n`, "utf8"))

const MAX = 256 * 1024
const decode = Schema.decodeUnknown(Schema.parseJson(Schema.Array(StoredPin)))
