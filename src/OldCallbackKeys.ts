import { Effect, Ref } from "effect"
import { formOf } from "../actors/SubscriptionForm.ts"
import { ServiceKeys } from "../layers/crypto/ServiceKeys.ts"
import { Storage } from "../layers/storage/Storage.ts"
import type { UserNumber } from "../schemas/Ids.ts"
import { Settings } from "../schemas/Settings.ts"

/**
 * A daily duty after a rotation: drops the keys that only verify callback URLs, when two rounds in turn have found no
 * subscription that may have been made with one. The day between is for the last mails of subscriptions that were renewed.
 * Never fails; the next round does what this one could not.
 */
export const make: Effect.Effect<Effect.Effect<void, never, Settings | Storage | ServiceKeys>> = Effect.map(
  Ref.make(false),
  (wasUnused) =>
    Effect.gen(function* () {
      const keys = yield* ServiceKeys
      if (keys.callbackMac.versions === 1) return
      const isUnused = yield* noneIsOlder(formOf(yield* Settings, keys.form))
      if (!(yield* Ref.getAndSet(wasUnused, isUnused)) || !isUnused) return
      yield* keys.dropOldMacs
      yield* Effect.logInfo("keys of callback URLs that no subscription has any more were dropped")
    }).pipe(
      Effect.catchAll((error) =>
        Effect.logWarning(`old keys of callback URLs cannot be dropped: ${error.message}`)
      ),
      Effect.annotateLogs({ logger: "Housekeeping" })
    )
)

/** Whether all subscriptions are of this form. One whose form is not known may be of any. */
const noneIsOlder = Effect.fnUntraced(function* (form: number) {
  const storage = yield* Storage
  let after: UserNumber | undefined
  do {
    const page = yield* storage.subscriptions(after, PAGE)
    if (page.rows.some((row) => row.form !== form)) return false
    after = page.next
  } while (after !== undefined)
  return true
})

const PAGE = 500
