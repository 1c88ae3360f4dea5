import { randomUUID } from "node:crypto"
import { Effect, Layer, Schedule } from "effect"
import { Push } from "../layers/push/Push.ts"
import { Storage } from "../layers/storage/Storage.ts"
import type { ActivityId, UserNumber } from "../schemas/Ids.ts"
import type { Platform } from "../schemas/Push.ts"
import { Settings } from "../schemas/Settings.ts"
import type { StorageError } from "../schemas/StorageError.ts"
import { FlushOutbox } from "../schemas/SubscriptionMessage.ts"
import { nowOf } from "./Now.ts"
import { Subscriptions } from "./Subscriptions.ts"
import { whereabouts } from "./Whereabouts.ts"

const EVERY = "1 second"
const ASKED_AT_ONCE = 16
/** A user whose entries did not go is passed over for so long, so that the others get their turn. */
const AGAIN_AFTER = 30_000
/** Users remembered whose entries did not go; the one it is longest ago of is forgotten first. */
const FAILED_MAX = 4_000
const PLATFORMS: ReadonlyArray<Platform> = ["iOS", "Android"]

/**
 * Empties the outbox when a gateway takes notifications again: at most `ENS_RENEW_RATE` users a second and platform, the
 * longest waiting first. Each user's actor sends, so that nothing overtakes or doubles a mail that is just coming in.
 * While a gateway is down one user is the probe that finds out when it is back: another one each time as long as there
 * are others, because the trouble may be that user's notification.
 */
export const layer: Layer.Layer<never, never, Settings | Storage | Push | Subscriptions> =
  Layer.scopedDiscard(
    Effect.gen(function* () {
      const { renewRate } = yield* Settings
      const storage = yield* Storage
      const push = yield* Push
      const subscriptions = yield* Subscriptions
      const clock = yield* Effect.clock
      /** Users whose entries did not go, and when; the longest ago first. */
      const failed = new Map<UserNumber, number>()
      const down = new Set<Platform>()
      let isReadable = true

      const tell = (error: StorageError | undefined) => {
        const wasReadable = isReadable
        isReadable = error === undefined
        if (wasReadable === isReadable) return Effect.void
        return error === undefined
          ? Effect.logInfo("the outbox can be read again")
          : Effect.logWarning("the outbox cannot be read", { reason: error.message })
      }

      const flushUser = Effect.fnUntraced(function* (user: UserNumber) {
        const activityId = randomUUID() as ActivityId
        const flushed = yield* subscriptions
          .ask(user, new FlushOutbox({ activityId }))
          .pipe(Effect.orElseSucceed(() => 0))
        failed.delete(user)
        if (flushed === 0) failed.set(user, nowOf(clock))
        const [longestAgo] = failed.keys()
        if (failed.size > FAILED_MAX && longestAgo !== undefined) failed.delete(longestAgo)
        return flushed
      })

      const inTurn = (users: ReadonlyArray<UserNumber>): ReadonlyArray<UserNumber> => {
        const now = nowOf(clock)
        return users.filter((user) => now - (failed.get(user) ?? Number.NEGATIVE_INFINITY) >= AGAIN_AFTER)
      }

      /** One who has not failed yet, else the one it is longest ago of. */
      const probe = (users: ReadonlyArray<UserNumber>): ReadonlyArray<UserNumber> => {
        const fresh = users.find((user) => !failed.has(user))
        if (fresh !== undefined) return [fresh]
        const waiting = new Set(users)
        return [...failed.keys()].filter((user) => waiting.has(user)).slice(0, 1)
      }

      const flushPlatform = Effect.fnUntraced(function* (platform: Platform) {
        if (!push.isUp(platform)) return
        const users = yield* storage.outboxUsers(platform, renewRate + failed.size)
        const chosen = down.has(platform) ? probe(users) : inTurn(users).slice(0, renewRate)
        const [first, ...rest] = chosen
        if (first === undefined) return
        yield* flushUser(first)
        if (!push.isUp(platform)) {
          down.add(platform)
          return
        }
        down.delete(platform)
        const flushOther = (user: UserNumber) => (push.isUp(platform) ? flushUser(user) : Effect.succeed(0))
        const counts = yield* Effect.forEach(rest, flushOther, { concurrency: ASKED_AT_ONCE })
        if (!push.isUp(platform)) down.add(platform)
        const flushed = counts.reduce((sum, count) => sum + count, 0)
        if (flushed > 0) yield* Effect.logInfo("waiting notifications were sent", { platform, flushed })
      })

      yield* Effect.forEach(PLATFORMS, flushPlatform, { discard: true }).pipe(
        Effect.matchEffect({ onFailure: tell, onSuccess: () => tell(undefined) }),
        Effect.catchAllDefect((defect) =>
          Effect.logError("the outbox stumbled; it goes on", { where: whereabouts(defect) })
        ),
        Effect.repeat(Schedule.spaced(EVERY)),
        Effect.forkScoped
      )
    })
  )
