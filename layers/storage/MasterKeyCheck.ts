import { Effect, Layer } from "effect"
import { MasterKeyMismatch, type StorageError } from "../../schemas/StorageError.ts"
import { MasterKey } from "../crypto/MasterKey.ts"
import { Storage } from "./Storage.ts"

/**
 * Makes sure that database and master key belong together: the first start leaves the key's check value in the database,
 * every later one compares. Without it a wrong key would look like a service full of broken users.
 */
export const check: Effect.Effect<void, StorageError | MasterKeyMismatch, Storage | MasterKey> = Effect.gen(
  function* () {
    const storage = yield* Storage
    const { checkValue } = yield* MasterKey
    const stored = yield* storage.meta("masterKeyCheck", checkValue)
    if (!Buffer.from(stored).equals(checkValue))
      return yield* new MasterKeyMismatch({ database: storage.location })
  }
)

/** The check as part of a start: what is built on it never sees a database of another key. */
export const layer: Layer.Layer<never, StorageError | MasterKeyMismatch, Storage | MasterKey> =
  Layer.effectDiscard(check)
