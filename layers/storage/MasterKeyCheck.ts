import { Effect, Layer, Option } from "effect"
import { MasterKeyMismatch, type StorageError } from "../../schemas/StorageError.ts"
import * as LocalMasterKey from "../crypto/LocalMasterKey.ts"
import { MasterKey } from "../crypto/MasterKey.ts"
import type { MasterKeyUnusable } from "../crypto/MasterKeyFile.ts"
import { findRotation, KEY_CHECK, RotationUnfinished } from "./RotationState.ts"
import { Storage } from "./Storage.ts"

export type MasterKeyRefused = StorageError | MasterKeyMismatch | RotationUnfinished

/**
 * Makes sure that database and master key belong together: the first start leaves the key's check value in the database,
 * every later one compares. Without it a wrong key would look like a service full of broken users. To be repeated when a
 * node becomes active: the key may have been replaced while it was a standby.
 */
export const check: Effect.Effect<void, MasterKeyRefused, Storage | MasterKey> = Effect.gen(function* () {
  const storage = yield* Storage
  const { checkValue } = yield* MasterKey
  yield* refuseUnfinished
  const stored = yield* storage.meta(KEY_CHECK, checkValue)
  if (!Buffer.from(stored).equals(checkValue))
    return yield* new MasterKeyMismatch({ database: storage.location })
})

/** Fails while a rotation of the master key is under way. */
export const refuseUnfinished: Effect.Effect<void, StorageError | RotationUnfinished, Storage> = Effect.gen(
  function* () {
    const rotation = yield* findRotation(yield* Storage)
    if (Option.isSome(rotation)) return yield* new RotationUnfinished(rotation.value)
  }
)

/**
 * The master key of the database, checked: what is built on it never sees a database of another key. Its file is made for a
 * database that knows no key yet, and never again.
 */
export const layer = (
  source: LocalMasterKey.KeySource
): Layer.Layer<MasterKey, MasterKeyRefused | MasterKeyUnusable, Storage> =>
  Layer.effect(
    MasterKey,
    Effect.gen(function* () {
      yield* refuseUnfinished
      const known = Option.isSome(yield* (yield* Storage).findMeta(KEY_CHECK))
      const master = yield* known ? LocalMasterKey.read(source) : LocalMasterKey.load(source)
      yield* Effect.provideService(check, MasterKey, master)
      return master
    })
  )
