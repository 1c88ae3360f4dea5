import { type Context, Effect, Option } from "effect"
import type { StorageError } from "../../schemas/StorageError.ts"
import type { MasterKey, SealBroken } from "../crypto/MasterKey.ts"
import {
  firstRing,
  SERVICE_KEYS,
  unwrapRing,
  wipeRing,
  withNewMac,
  wrapRing
} from "../crypto/ServiceKeyRing.ts"
import { keyContext, POOL_CONTEXT } from "../crypto/UserKeyring.ts"
import { encodeRotation, KEY_CHECK, ROTATION, RotationState } from "./RotationState.ts"
import { type KeyPlace, Storage, type WrappedKey } from "./Storage.ts"

type Master = Context.Tag.Service<MasterKey>

/** A master key and the one that takes its place. */
export interface KeyPair {
  readonly from: Master
  readonly to: Master
}

/** How many keys the new master key wraps; `unreadable`: neither key opens them, so they were of no use before. */
export type Rewrapped = Readonly<Record<KeyPlace | "unreadable", number>>

export const PLACES: ReadonlyArray<KeyPlace> = ["pool", "seal", "registration", "callback", "former"]

/** Notes that a rotation is under way; from here on the database opens for nobody but who goes on with it. */
export const begin = Effect.fnUntraced(function* ({ from, to }: KeyPair, startedAt: number) {
  const state = new RotationState({ from: from.checkValue, to: to.checkValue, startedAt, step: "keys" })
  yield* (yield* Storage).changeMeta({ put: { [ROTATION]: encodeRotation(state) }, drop: [] })
  return state
})

/**
 * Wraps every user's and every waiting key anew, in batches. May be interrupted anywhere and repeated: what the new key
 * wraps already stays as it is. `progress` gets the number of keys so far.
 */
export const rewrap = Effect.fnUntraced(function* (
  keys: KeyPair,
  progress: (done: number) => Effect.Effect<void> = () => Effect.void,
  batchSize = BATCH
): Effect.fn.Return<Rewrapped, StorageError, Storage> {
  const storage = yield* Storage
  const counts = { pool: 0, seal: 0, registration: 0, callback: 0, former: 0, unreadable: 0 }
  let done = 0
  for (const place of PLACES) {
    let after: string | undefined
    do {
      const found = yield* storage.wrappedKeys(place, after, batchSize)
      const batch: Array<{ readonly key: string; readonly from: Uint8Array; readonly to: Uint8Array }> = []
      for (const one of found) {
        const outcome = yield* anew(keys, one)
        if (outcome !== "unreadable" && outcome !== "done") {
          batch.push({ key: one.key, from: one.wrapped, to: outcome })
        }
        counts[outcome === "unreadable" ? "unreadable" : place] += 1
      }
      if (batch.length > 0) yield* storage.rewrapKeys(place, batch)
      done += found.length
      if (found.length > 0) yield* progress(done)
      after = found.at(-1)?.key
    } while (after !== undefined)
  }
  return counts
})

/**
 * In one step: the new key is the database's, the service's own keys are wrapped by it, and callback URLs are signed with a
 * new key from now on. To be done when all other keys are wrapped anew.
 */
export const settle = Effect.fnUntraced(function* (
  { from, to }: KeyPair,
  state: RotationState,
  at: number
): Effect.fn.Return<RotationState, StorageError | SealBroken, Storage> {
  const storage = yield* Storage
  const wrapped = yield* storage.findMeta(SERVICE_KEYS)
  const ring = Option.isSome(wrapped) ? yield* unwrapRing(from, wrapped.value) : firstRing(from)
  const renewed = withNewMac(ring, at)
  const rewrapped = wrapRing(to, renewed)
  // The new ring has the bytes of the old one.
  wipeRing(renewed)
  const settled = new RotationState({ ...state, step: "files" })
  yield* storage.changeMeta({
    put: {
      [KEY_CHECK]: to.checkValue,
      [SERVICE_KEYS]: rewrapped,
      [ROTATION]: encodeRotation(settled)
    },
    drop: []
  })
  return settled
})

/** The rotation is over: the database opens again. */
export const finish: Effect.Effect<void, StorageError, Storage> = Effect.flatMap(Storage, (storage) =>
  storage.changeMeta({ put: {}, drop: [ROTATION] })
)

/** The key as the new master key wraps it. */
const anew = ({ from, to }: KeyPair, { kind, owner, wrapped }: WrappedKey) => {
  const context = kind === "pool" || owner === undefined ? POOL_CONTEXT : keyContext(kind, owner)
  return from.unwrap(wrapped, context).pipe(
    Effect.map((plain) => {
      const fresh = to.wrap(plain, context)
      plain.fill(0)
      return fresh
    }),
    Effect.catchTag("SealBroken", () =>
      to.unwrap(wrapped, context).pipe(
        Effect.map((plain) => {
          plain.fill(0)
          return "done" as const
        }),
        Effect.orElseSucceed(() => "unreadable" as const)
      )
    )
  )
}

/** Storage gives each batch some seconds, and a server may need one exchange for each key. */
const BATCH = 200
