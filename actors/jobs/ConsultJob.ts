import { Effect, Option, Redacted } from "effect"
import { CallbackSeal } from "../../layers/crypto/CallbackSeal.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import type { UserNumber } from "../../schemas/Ids.ts"
import type { Callback } from "../../schemas/SubscriptionMessage.ts"
import type { Verdict } from "../SubscriptionProtocol.ts"

/**
 * What a callback of another generation than the live one is worth. Storage is read now, after the callback came, past any
 * cache: `Unsubscribe` needs positive knowledge (contract section 3). After a backup was restored, user numbers are given
 * out a second time; a URL that was made for the number's former owner is told by its seal key.
 */
export const consultJob = Effect.fnUntraced(
  function* (user: UserNumber, callback: Callback) {
    const storage = yield* Storage
    const owner = yield* storage.user(user)
    if (Option.isNone(owner)) return "Unknown"
    const seal = yield* CallbackSeal
    if (!(yield* seal.isFor(owner.value, Redacted.value(callback.f)))) return "Unknown"
    const row = yield* storage.subscription(user)
    const live = Option.match(row, { onNone: () => 0, onSome: ({ generation }) => generation })
    if (callback.generation < live) return "Unsubscribe"
    // Stored by a Subscribe whose actor crashed meanwhile: the actor does not know it yet.
    if (callback.generation === live) return "Adopt"
    return callback.generation <= owner.value.refused ? "Unsubscribe" : "Adopt"
  },
  Effect.catchAll((error) =>
    Effect.as(
      Effect.logWarning(`a callback cannot be told from an old one: ${error.message}`),
      "Retry" as const
    )
  )
) satisfies (user: UserNumber, callback: Callback) => Effect.Effect<Verdict, never, Storage | CallbackSeal>
