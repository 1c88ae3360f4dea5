import { Effect, Option } from "effect"
import { MasterKey } from "../../layers/crypto/MasterKey.ts"
import { makeSealKey } from "../../layers/crypto/UserKeyring.ts"
import { Storage, type User } from "../../layers/storage/Storage.ts"
import { Settings } from "../../schemas/Settings.ts"
import { changing } from "../Dossiers.ts"
import { isSealedBefore, isTooOld } from "../KeyAge.ts"
import { now } from "../Now.ts"

/**
 * The user as a new subscription is to be sealed for: with a new key if the present one is older than the settings allow.
 * It is stored before Exchange hears of the subscription, so that whatever calls back can be opened, and the live one opens
 * with the former key. If that one has not been followed by a subscription yet it stays: two of them are kept, no more.
 */
export const withYoungSealKey = Effect.fnUntraced(function* (user: User) {
  const { userKeyMaxAge = Number.POSITIVE_INFINITY } = yield* Settings
  const at = yield* now
  if (!isTooOld(user.sealKeyMadeAt, userKeyMaxAge, at)) return user
  const storage = yield* Storage
  // Past the cache, which may be a minute old.
  const found = yield* storage.user(user.user)
  const subscription = yield* storage.subscription(user.user)
  if (Option.isNone(found) || !isTooOld(found.value.sealKeyMadeAt, userKeyMaxAge, at)) {
    return Option.getOrElse(found, (): User => user)
  }
  const { registrationKey: _, registrationKeyMadeAt: __, ...present } = found.value
  const subscribedAt = Option.match(subscription, {
    onNone: () => Number.NEGATIVE_INFINITY,
    onSome: (row) => row.subscribedAt
  })
  if (Option.isSome(subscription) && isSealedBefore(present.sealKeyMadeAt, subscribedAt)) return present
  const sealKey = makeSealKey(yield* MasterKey, present)
  // Later than the live subscription, whatever the clock says: so it is known which key that one needs.
  const sealKeyMadeAt = Math.max(at, subscribedAt + 1)
  yield* storage.replaceSealKey(user.user, sealKey, sealKeyMadeAt).pipe(changing(user.user))
  yield* Effect.logInfo("the key that seals the user's credentials has been replaced because of its age")
  return { ...present, sealKey, sealKeyMadeAt, callbackKey: null } satisfies User
})
