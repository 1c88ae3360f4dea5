import { Duration, Effect, Layer, Random, Schedule } from "effect"
import { dropFormerKeys } from "../actors/KeyAge.ts"
import { earlierNow } from "../actors/Now.ts"
import type { Subscriptions } from "../actors/Subscriptions.ts"
import type { ServiceKeys } from "../layers/crypto/ServiceKeys.ts"
import { Ownership } from "../layers/ownership/Ownership.ts"
import { Storage } from "../layers/storage/Storage.ts"
import type { Settings } from "../schemas/Settings.ts"
import * as OldCallbackKeys from "./OldCallbackKeys.ts"
import * as Retention from "./Retention.ts"
import * as TokenUpkeep from "./TokenUpkeep.ts"

/** What is done again and again, by the active node only. */
export const layer: Layer.Layer<never, never, Ownership | ServiceKeys | Settings | Storage | Subscriptions> =
  Layer.scopedDiscard(
    Effect.flatMap(Ownership, (ownership) =>
      Effect.forkScoped(
        ownership.during(Effect.all([rounds, days], { concurrency: "unbounded", discard: true }))
      )
    )
  )

/**
 * Every 10 minutes: forgets users who never registered, drops keys that nothing needs any more, and gives up notifications
 * nobody wants any more.
 */
const rounds = Effect.gen(function* () {
  const storage = yield* Storage
  const now = yield* earlierNow
  const forgotten = yield* storage.forgetUnregistered(now - UNREGISTERED_FOR)
  if (forgotten > 0) yield* Effect.logInfo(`${forgotten} users who never registered were forgotten`)
  yield* dropFormerKeys
  const expired = yield* storage.expireOutbox(now - OUTBOX_FOR)
  if (expired > 0) {
    yield* Effect.logWarning(
      `${expired} notifications were given up after waiting 24 hours for a push gateway`
    )
  }
}).pipe(
  // The next round does what this one could not.
  Effect.catchTag("StorageError", (error) => Effect.logWarning(error.message, error.cause)),
  Effect.repeat(Schedule.spaced("10 minutes")),
  Effect.annotateLogs({ logger: "Housekeeping" })
)

/** Every day: removes what the retention settings call too old, and keys of callback URLs and tokens that nothing needs any more. */
const days = Effect.suspend(() => Random.nextIntBetween(FIRST_AFTER, FIRST_WITHIN)).pipe(
  Effect.flatMap((offset) => Effect.sleep(offset)),
  Effect.zipRight(Effect.all([Retention.make, OldCallbackKeys.make, TokenUpkeep.make])),
  Effect.flatMap(([clearUp, dropOldKeys, lookAfterTokens]) =>
    Effect.repeat(
      Effect.all([clearUp, dropOldKeys, lookAfterTokens], { discard: true }),
      Schedule.spaced("1 day")
    )
  )
)

const UNREGISTERED_FOR = Duration.toMillis("1 hour")
const OUTBOX_FOR = Duration.toMillis("24 hours")
/** Not while a start has enough to do, and not at the same time everywhere. */
const FIRST_AFTER = Duration.toMillis("10 minutes")
const FIRST_WITHIN = Duration.toMillis("70 minutes")
