import { Clock, Effect, Option } from "effect"
import * as LocalMasterKey from "../../layers/crypto/LocalMasterKey.ts"
import type { MasterKey } from "../../layers/crypto/MasterKey.ts"
import * as MasterKeySwap from "../../layers/crypto/MasterKeySwap.ts"
import * as MasterKeyRotation from "../../layers/storage/MasterKeyRotation.ts"
import { dateOf, findRotation, KEY_CHECK, type RotationState } from "../../layers/storage/RotationState.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { MasterKeyMismatch } from "../../schemas/StorageError.ts"
import type { KeysFor } from "../config/SealedSettings.ts"
import { CommandProblem } from "./CommandProblem.ts"

/** A rotation that has begun: the two keys, and how far it has come. */
export interface RotationPlan extends MasterKeyRotation.KeyPair {
  readonly state: RotationState
  /** Whatever may have sealed a setting. */
  readonly atHand: ReadonlyArray<MasterKey["Type"]>
  /** It was begun by an earlier call. */
  readonly resumed: boolean
}

/** Where the new key rests until it is the one; undefined if the operator has to say so. */
export const newKeyFileOf = (
  source: LocalMasterKey.KeySource,
  given: string | undefined
): string | undefined => given ?? ("file" in source ? MasterKeySwap.nextKeyFile(source.file) : undefined)

/** All keys at hand: a rotation that was interrupted may have left settings sealed with any of them. */
export const keysAtHand =
  (newKeyFile: string | undefined): KeysFor =>
  (source) =>
    Effect.gen(function* () {
      const present = yield* LocalMasterKey.read(source)
      const file = newKeyFileOf(source, newKeyFile)
      const next = file === undefined ? undefined : yield* MasterKeySwap.find(file)
      const former = "file" in source ? yield* MasterKeySwap.formerKeys(source.file) : []
      return [present, ...(next === undefined ? [] : [next]), ...former]
    })

/** Begins a rotation, or finds the one that was begun and both its keys. */
export const plan = Effect.fnUntraced(function* (
  source: LocalMasterKey.KeySource,
  newKeyFile: string | undefined
) {
  const file = newKeyFileOf(source, newKeyFile)
  if (file === undefined) {
    return yield* problem(
      "the master key is in ENS_MASTER_KEY; name a file for the new one: --new-key-file FILE"
    )
  }
  const storage = yield* Storage
  const check = yield* storage.findMeta(KEY_CHECK)
  if (Option.isNone(check)) {
    return yield* problem(
      `${storage.location} has never been used with a master key, so there is nothing to rotate; a key file can simply be replaced`
    )
  }
  const keys = yield* keysAtHand(newKeyFile)(source)
  const state = yield* findRotation(storage)
  if (Option.isSome(state)) return yield* resumed(keys, state.value, source, file)
  const [from] = keys
  if (from === undefined || !isKey(from, check.value)) {
    return yield* new MasterKeyMismatch({ database: storage.location })
  }
  const to = yield* LocalMasterKey.load({ file })
  if (isKey(to, from.checkValue)) {
    return yield* problem(`${file} holds the master key that is in use; name another file`)
  }
  const begun = yield* MasterKeyRotation.begin({ from, to }, yield* Clock.currentTimeMillis)
  return { from, to, state: begun, atHand: keys, resumed: false } satisfies RotationPlan
})

const resumed = Effect.fnUntraced(function* (
  keys: ReadonlyArray<MasterKey["Type"]>,
  state: RotationState,
  source: LocalMasterKey.KeySource,
  newKeyFile: string
) {
  const to = keys.find((key) => isKey(key, state.to))
  // When all keys of the database are the new one's, nobody who has lost the old key is to be locked out for its sake.
  const from = keys.find((key) => isKey(key, state.from)) ?? (state.step === "files" ? to : undefined)
  const begun = `the rotation that was begun on ${dateOf(state.startedAt)}`
  if (to === undefined)
    return yield* problem(
      `the new master key of ${begun} is missing; restore ${newKeyFile}, or name it with --new-key-file`
    )
  if (from === undefined) {
    const where = "file" in source ? source.file : "ENS_MASTER_KEY"
    return yield* problem(
      `the old master key of ${begun} is missing; give it in ${where} until it is finished`
    )
  }
  return { from, to, state, atHand: keys, resumed: true } satisfies RotationPlan
})

const isKey = (key: MasterKey["Type"], check: Uint8Array) => Buffer.from(key.checkValue).equals(check)

const problem = (text: string) => Effect.fail(new CommandProblem({ problem: text }))
