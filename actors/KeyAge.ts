import { Duration, Effect } from "effect"
import { Storage, type Subscription } from "../layers/storage/Storage.ts"
import type { StorageError } from "../schemas/StorageError.ts"
import { earlierNow } from "./Now.ts"

/** Whether a key made at `madeAt` is to be replaced. One of a time to come was made by a clock that was ahead: it is young. */
export const isTooOld = (madeAt: number, maxAge: number, at: number): boolean => at - madeAt > maxAge

/** Older than any key: what is sealed with it is to be sealed anew. */
const LONG_AGO = 1

/**
 * When the key was made that a subscription's `f` is sealed with. If the user got his present key after the subscription
 * was made, that is the key before, and the renewal that was to follow came to nothing.
 */
export const sealedSince = (
  { sealKeyMadeAt, subscribedAt }: Pick<Subscription, "sealKeyMadeAt" | "subscribedAt">,
  at: number
): number => (isSealedBefore(sealKeyMadeAt, subscribedAt) && sealKeyMadeAt <= at ? LONG_AGO : sealKeyMadeAt)

/** The subscription needs the former key, because the present one came later. */
export const isSealedBefore = (sealKeyMadeAt: number, subscribedAt: number): boolean =>
  subscribedAt < sealKeyMadeAt

/** Former keys are kept so long: payloads that were made with them come in, and subscriptions that were replaced tell their last mails. */
export const FORMER_KEPT = Duration.toMillis("24 hours")

/** Part of the housekeeping: drops former keys that nothing needs any more; answers how many. */
export const dropFormerKeys: Effect.Effect<number, StorageError, Storage> = Effect.gen(function* () {
  const storage = yield* Storage
  return yield* storage.dropFormerKeys((yield* earlierNow) - FORMER_KEPT)
})
