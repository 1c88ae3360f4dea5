import { Duration, Effect } from "effect"
import { earlierNow, now } from "../actors/Now.ts"
import { Storage } from "../layers/storage/Storage.ts"
import { isNeededBeyondEnd } from "../schemas/TokenEnd.ts"
import { shownId } from "./cli/AdminTokens.ts"

/**
 * To be run once a day: warns of tokens that end within a week and are still used, and removes those that ended 30 days ago;
 * until then whoever shows one is told apart from who guesses. Never fails.
 */
export const lookAfterTokens: Effect.Effect<void, never, Storage> = Effect.gen(function* () {
  const storage = yield* Storage
  const at = yield* now
  for (const token of yield* storage.listTokens) {
    if (!isNeededBeyondEnd(token, at)) continue
    yield* Effect.logWarning(
      `API token ${token.id} (${token.label}) of tenant ${token.tenant} ends at ${iso(token.expiresAt)}, and phones still use it (last at ${iso(token.lastUsedAt)}): put the token that replaces it into the app's profile before`
    )
  }
  for (const token of yield* storage.listAdminTokens) {
    if (!isNeededBeyondEnd(token, at)) continue
    yield* Effect.logWarning(
      `admin token ${shownId(token.id)} (${token.label}) ends at ${iso(token.expiresAt)}, and somebody still signs in with it (last at ${iso(token.lastUsedAt)}): use the token that replaces it`
    )
  }
  const dropped = yield* storage.dropEndedTokens((yield* earlierNow) - KEPT_FOR)
  if (dropped > 0) yield* Effect.logInfo(`${dropped} tokens that ended 30 days ago were removed`)
}).pipe(
  Effect.catchAll((error) =>
    Effect.logWarning(`tokens are looked after tomorrow. ${error.message}`, error.cause)
  ),
  Effect.annotateLogs({ logger: "Tokens" })
)

const KEPT_FOR = Duration.toMillis("30 days")

const iso = (at: number | null) => (at === null ? "never" : new Date(at).toISOString())
