import { randomUUID } from "node:crypto"
import { Effect, Layer, Schedule } from "effect"
import { Push } from "../layers/push/Push.ts"
import { Storage } from "../layers/storage/Storage.ts"
import type { ActivityId, UserNumber } from "../schemas/Ids.ts"
import type { Platform } from "../schemas/Push.ts"
import { Settings } from "../schemas/Settings.ts"
import { FlushOutbox } from "../schemas/SubscriptionMessage.ts"
import { nowOf } from "./Now.ts"
import { Subscriptions } from "./Subscriptions.ts"
import { whereabouts } from "./Whereabouts.ts"

const EVERY = "1 second"
const ASKED_AT_ONCE = 16
/** A user whose entries did not go is passed over for so long, so that the others get their turn. */
const AGAIN_AFTER = 30_000
const PLATFORMS: ReadonlyArray<Platform> = ["iOS", "Android"]

/**
 * Empties the outbox when a gateway takes notifications again: at most `ENS_RENEW_RATE` users a second and platform, the
 * longest waiting first. Each user's actor sends, so that nothing overtakes or doubles a mail that is just coming in.
 * While a gateway is down the first user is the probe that finds out when it is back.
 */
export const layer: Layer.Layer<never, never, Settings | Storage | Push | Subscriptions> =
  Layer.scopedDiscard(
    Effect.gen(function* () {
      const { renewRate } = yield* Settings
      const storage = yield* Storage
      const push = yield* Push
      const subscriptions = yield* Subscriptions
      const clock = yield* Effect.clock
      const tried = new Map<UserNumber, number>()

      const flushUser = Effect.fnUntraced(function* (user: UserNumber) {
        const activityId = randomUUID() as ActivityId
        const flushed = yield* subscriptions
          .ask(user, new FlushOutbox({ activityId }))
          .pipe(Effect.orElseSucceed(() => 0))
        if (flushed === 0) tried.set(user, nowOf(clock))
        return flushed
      })

      const flushPlatform = Effect.fnUntraced(function* (platform: Platform) {
        if (!push.isUp(platform)) return
        const now = nowOf(clock)
        for (const [user, at] of tried) if (now - at >= AGAIN_AFTER) tried.delete(user)
        const users = yield* storage.outboxUsers(platform, renewRate + tried.size)
        const [first, ...rest] = users.filter((user) => !tried.has(user)).slice(0, renewRate)
        if (first === undefined) return
        yield* flushUser(first)
        if (!push.isUp(platform)) {
          // The gateway is still down: that says nothing about this user.
          tried.delete(first)
          return
        }
        const counts = yield* Effect.forEach(rest, flushUser, { concurrency: ASKED_AT_ONCE })
        const flushed = counts.reduce((sum, count) => sum + count, 0)
        if (flushed > 0) yield* Effect.logInfo("waiting notifications were sent", { platform, flushed })
      })

      yield* Effect.forEach(PLATFORMS, flushPlatform, { discard: true }).pipe(
        Effect.catchAll((error) => Effect.logWarning("the outbox cannot be read", { reason: error.message })),
        Effect.catchAllDefect((defect) =>
          Effect.logError("the outbox stumbled; it goes on", { where: whereabouts(defect) })
        ),
        Effect.repeat(Schedule.spaced(EVERY)),
        Effect.forkScoped
      )
    })
  )
