import { randomUUID } from "node:crypto"
import { Effect, Layer, Schedule } from "effect"
import { mayAct, Ownership } from "../layers/ownership/Ownership.ts"
import { Push } from "../layers/push/Push.ts"
import { Storage } from "../layers/storage/Storage.ts"
import type { ActivityId, UserNumber } from "../schemas/Ids.ts"
import type { Platform } from "../schemas/Push.ts"
import type { StorageError } from "../schemas/StorageError.ts"
import { FlushOutbox } from "../schemas/SubscriptionMessage.ts"
import { FailedFlushes } from "./FailedFlushes.ts"
import { nowOf } from "./Now.ts"
import { firstPace, paceAfter, ROUND } from "./OutboxPace.ts"
import { Subscriptions } from "./Subscriptions.ts"
import { whereabouts } from "./Whereabouts.ts"

/** Users whose actors are asked at the same time: what waits for a gateway is no more than theirs, beside new mails. */
const ASKED_AT_ONCE = 200
const PLATFORMS: ReadonlyArray<Platform> = ["iOS", "Android"]

/**
 * Empties the outbox when a gateway takes notifications again, the longest waiting first, at a rate that `OutboxPace`
 * decides: a gateway that is back gets more and more, up to 2,000 users a second and platform. Each user's actor sends, so
 * that nothing overtakes or doubles a mail that is just coming in.
 * While a gateway is down one user is the probe that finds out when it is back: another one each time as long as there
 * are others, because the trouble may be that user's notification.
 */
export const layer: Layer.Layer<never, never, Storage | Push | Subscriptions | Ownership> =
  Layer.scopedDiscard(
    Effect.gen(function* () {
      const storage = yield* Storage
      const push = yield* Push
      const ownership = yield* Ownership
      const subscriptions = yield* Subscriptions
      const clock = yield* Effect.clock
      let isReadable = true

      const tell = (error: StorageError | undefined) => {
        const wasReadable = isReadable
        isReadable = error === undefined
        if (wasReadable === isReadable) return Effect.void
        return error === undefined
          ? Effect.logInfo("the outbox can be read again")
          : Effect.logWarning("the outbox cannot be read", { reason: error.message })
      }

      /** Rounds of one platform; a gateway that is slow does not hold up the other. */
      const roundOf = (platform: Platform): Effect.Effect<void, StorageError> => {
        const failed = new FailedFlushes()
        let pace = firstPace
        let isDown = false

        const flushUser = Effect.fnUntraced(function* (user: UserNumber) {
          if (!push.isUp(platform) || !mayAct(ownership)) return 0
          const activityId = randomUUID() as ActivityId
          const flushed = yield* subscriptions
            .ask(user, new FlushOutbox({ activityId }))
            .pipe(Effect.orElseSucceed(() => 0))
          failed.note(user, flushed > 0, nowOf(clock))
          return flushed
        })

        return Effect.gen(function* () {
          if (!push.isUp(platform) || !mayAct(ownership)) return
          const began = nowOf(clock)
          const limit = pace.rate + failed.resting(began)
          const users = yield* Effect.tap(storage.outboxUsers(platform, limit), () => tell(undefined))
          const [first, ...rest] = isDown
            ? failed.probe(users)
            : users.filter((user) => !failed.rests(user, began)).slice(0, pace.rate)
          if (first === undefined) return
          const counts = [yield* flushUser(first)]
          const wasDown = isDown
          isDown = !push.isUp(platform)
          if (isDown && wasDown) {
            pace = firstPace
            return
          }
          counts.push(...(yield* Effect.forEach(rest, flushUser, { concurrency: ASKED_AT_ONCE })))
          isDown = !push.isUp(platform)
          const flushed = counts.reduce((sum, count) => sum + count, 0)
          pace = paceAfter(pace, {
            asked: counts.length,
            sent: counts.filter((count) => count > 0).length,
            took: nowOf(clock) - began,
            refused: isDown
          })
          if (flushed > 0) yield* Effect.logInfo("waiting notifications were sent", { platform, flushed })
        })
      }

      yield* Effect.forEach(PLATFORMS, (platform) =>
        roundOf(platform).pipe(
          Effect.catchAll(tell),
          Effect.catchAllDefect((defect) =>
            Effect.logError("the outbox stumbled; it goes on", { where: whereabouts(defect) })
          ),
          Effect.repeat(Schedule.fixed(ROUND)),
          Effect.forkScoped
        )
      )
    })
  )
