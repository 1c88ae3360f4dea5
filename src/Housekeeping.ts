import { Clock, Duration, Effect, Layer, Schedule } from "effect"
import { Storage } from "../layers/storage/Storage.ts"

/** Every 10 minutes: forgets users who never registered, and gives up notifications nobody wants any more. */
export const layer: Layer.Layer<never, never, Storage> = Layer.scopedDiscard(
  Effect.gen(function* () {
    const storage = yield* Storage
    const round = Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const forgotten = yield* storage.forgetUnregistered(now - UNREGISTERED_FOR)
      if (forgotten > 0) yield* Effect.logInfo(`${forgotten} users who never registered were forgotten`)
      const expired = yield* storage.expireOutbox(now - OUTBOX_FOR)
      if (expired > 0) {
        yield* Effect.logWarning(
          `${expired} notifications were given up after waiting 24 hours for a push gateway`
        )
      }
    })
    yield* round.pipe(
      // The next round does what this one could not.
      Effect.catchTag("StorageError", (error) => Effect.logWarning(error.message, error.cause)),
      Effect.repeat(Schedule.spaced("10 minutes")),
      Effect.annotateLogs({ logger: "Housekeeping" }),
      Effect.forkScoped
    )
  })
)

const UNREGISTERED_FOR = Duration.toMillis("1 hour")
const OUTBOX_FOR = Duration.toMillis("24 hours")
