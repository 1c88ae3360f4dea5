import { Effect, Option, Redacted } from "effect"
import { CallbackSeal } from "../../layers/crypto/CallbackSeal.ts"
import { Storage, type Subscription } from "../../layers/storage/Storage.ts"
import type { UserNumber } from "../../schemas/Ids.ts"
import type { Callback } from "../../schemas/SubscriptionMessage.ts"
import { sealedSince } from "../KeyAge.ts"
import { now } from "../Now.ts"
import type { StoredSubscription, Verdict } from "../SubscriptionProtocol.ts"
import { digest } from "../SubscriptionState.ts"

/**
 * What a callback of another generation than the live one is worth. Storage is read now, after the callback came, past any
 * cache: `Unsubscribe` needs positive knowledge (contract section 3). Should a
 * number have had another owner (a database that was restored, then used with its clock set back), or the user's keys have
 * been retired, the seal key tells.
 */
export const consultJob = Effect.fnUntraced(
  function* (user: UserNumber, callback: Callback) {
    const storage = yield* Storage
    const owner = yield* storage.user(user)
    if (Option.isNone(owner)) return says("Unknown")
    const seal = yield* CallbackSeal
    if (!(yield* seal.isFor(owner.value, Redacted.value(callback.f)))) return says("Unknown")
    const row = yield* storage.subscription(user)
    const live = Option.match(row, { onNone: () => 0, onSome: ({ generation }) => generation })
    if (callback.generation < live) return says("Unsubscribe")
    if (callback.generation > live && callback.generation <= owner.value.refused) return says("Unsubscribe")
    const isStored = Option.isSome(row) && callback.generation === live
    return says("Adopt", isStored ? storedOf(row.value, yield* now) : undefined)
  },
  Effect.catchAll((error) =>
    Effect.as(Effect.logWarning(`a callback cannot be told from an old one: ${error.message}`), says("Retry"))
  )
)

const says = (verdict: Verdict, stored?: StoredSubscription) => ({ verdict, stored })

const storedOf = (row: Subscription, at: number): StoredSubscription => ({
  subscription: digest(row.subscriptionId),
  endpoint: digest(row.ewsUrl),
  tokenExpiresAt: row.tokenExpiresAt ?? 0,
  subscribedAt: row.subscribedAt,
  sealedSince: sealedSince(row, at)
})
