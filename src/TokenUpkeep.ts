import { Clock, Duration, Effect, Ref } from "effect"
import { earlierNow } from "../actors/Now.ts"
import { Storage } from "../layers/storage/Storage.ts"
import { hasEnded, isNeededBeyondEnd } from "../schemas/TokenEnd.ts"
import { shownId } from "./cli/AdminTokens.ts"

/**
 * To be run once a day: warns of tokens that end within a week and are still used, and removes those that ended 30 days ago;
 * until then whoever shows one is told apart from who guesses. Never fails.
 *
 * A token that was removed because the clock was wrong would be lost for all phones that have it. So none is removed before
 * the seventh day after the first, counted by rounds as in MassRemoval.ts: by then somebody has set the clock right.
 */
export const make: Effect.Effect<Effect.Effect<void, never, Storage>> = Effect.map(Ref.make(0), (rounds) =>
  Effect.flatMap(
    Ref.getAndUpdate(rounds, (done) => done + 1),
    (done) => lookAfter(Math.max(0, DAYS - done))
  )
)

/** `left`: days for which nothing is removed. */
const lookAfter = Effect.fnUntraced(
  function* (left: number) {
    const storage = yield* Storage
    const at = yield* Clock.currentTimeMillis
    const forPhones = yield* storage.listTokens
    const forAdmins = yield* storage.listAdminTokens
    for (const token of forPhones) {
      if (!isNeededBeyondEnd(token, at)) continue
      yield* Effect.logWarning(
        `API token ${token.id} (${token.label}) of tenant ${token.tenant} ends at ${iso(token.expiresAt)}, and phones still use it (last at ${iso(token.lastUsedAt)}): put the token that replaces it into the app's profile before`
      )
    }
    for (const token of forAdmins) {
      if (!isNeededBeyondEnd(token, at)) continue
      yield* Effect.logWarning(
        `admin token ${shownId(token.id)} (${token.label}) ends at ${iso(token.expiresAt)}, and somebody still signs in with it (last at ${iso(token.lastUsedAt)}): use the token that replaces it`
      )
    }
    const before = (yield* earlierNow) - KEPT_FOR
    const old = [...forPhones, ...forAdmins].filter((token) => hasEnded(token, before - 1)).length
    if (old === 0) return
    if (left > 0) {
      const today = new Date(at).toISOString().slice(0, 10)
      return yield* Effect.logInfo(
        `${old} tokens that ended 30 days ago will be removed ${left === 1 ? "tomorrow" : `in ${left} days`}, counted anew from a restart; if today is not ${today}, set the clock right before`
      )
    }
    yield* Effect.logInfo(
      `${yield* storage.dropEndedTokens(before)} tokens that ended 30 days ago were removed`
    )
  },
  (effect) =>
    effect.pipe(
      Effect.catchAll((error) =>
        Effect.logWarning(`tokens are looked after tomorrow. ${error.message}`, error.cause)
      ),
      Effect.annotateLogs({ logger: "Tokens" })
    )
)

const KEPT_FOR = Duration.toMillis("30 days")
const DAYS = 7

const iso = (at: number | null) => (at === null ? "never" : new Date(at).toISOString())
