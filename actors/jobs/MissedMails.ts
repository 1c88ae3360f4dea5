import { Effect } from "effect"
import type { EwsCalls, Missed } from "../../layers/ews/Ews.ts"
import { isRediscover } from "../../layers/ews/EwsErrors.ts"
import type { EwsError } from "../../schemas/EwsError.ts"
import type { Mail, MailShape } from "../../schemas/EwsMessage.ts"
import { now } from "../Now.ts"

/** So many mails are looked for at most; where there are more, "N new messages" counts these. */
const MISSED_MAX = 100

/** Our clock is ahead of the server's if the answer comes so much later (ms) than the server says that it gave it. */
const AHEAD = 5_000
/** A server that says more than this is not believed. */
const AHEAD_MAX = 24 * 60 * 60_000

/**
 * Unread mails of the Inbox that came at `since` or later, the newest first: no callback reported them, because none came
 * at that time. None where Exchange refuses to search, which it would do again. `timeout` in milliseconds.
 *
 * Exchange compares with its own clock. Where ours is ahead of it, mails that came right after `since` look older, so they
 * are looked for again from that much earlier.
 */
export const missedMails = Effect.fnUntraced(
  function* (exchange: EwsCalls, since: number, shape: MailShape, timeout: number) {
    const begun = yield* now
    const found = yield* exchange.missed(since, MISSED_MAX, shape, timeout)
    const answered = yield* now
    const ahead = answered - (found.clock ?? answered)
    if (ahead < AHEAD) return yield* counted(found)
    const from = Math.max(1, since - Math.min(ahead, AHEAD_MAX))
    const left = Math.max(0, timeout - (answered - begun))
    return yield* counted(yield* exchange.missed(from, MISSED_MAX, shape, left))
  },
  Effect.catchIf(
    (error: EwsError) => error._tag === "EwsRefused" && !isRediscover(error),
    (error) => Effect.as(Effect.logWarning(`missed mails cannot be looked for: ${error.message}`), none)
  )
)

const none: ReadonlyArray<Mail> = []

const counted = ({ mails, more }: Missed): Effect.Effect<ReadonlyArray<Mail>> =>
  more
    ? Effect.as(
        Effect.logInfo("more mails may have been missed than are looked for", { counted: mails.length }),
        mails
      )
    : Effect.succeed(mails)
