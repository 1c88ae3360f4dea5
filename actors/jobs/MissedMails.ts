import { Effect } from "effect"
import type { EwsCalls } from "../../layers/ews/Ews.ts"
import { isRediscover } from "../../layers/ews/EwsErrors.ts"
import type { EwsError } from "../../schemas/EwsError.ts"
import type { Mail, MailShape } from "../../schemas/EwsMessage.ts"

/** So many mails are looked for at most; where there are more, "N new messages" counts these. */
const MISSED_MAX = 100

/**
 * Unread mails of the Inbox that came at `since` or later, the newest first: no callback reported them, because none came
 * at that time. None where Exchange refuses to search, which it would do again. `timeout` in milliseconds.
 */
export const missedMails = (
  exchange: EwsCalls,
  since: number,
  shape: MailShape,
  timeout: number
): Effect.Effect<ReadonlyArray<Mail>, EwsError> =>
  exchange.missed(since, MISSED_MAX, shape, timeout).pipe(
    Effect.tap(({ mails, more }) =>
      more
        ? Effect.logInfo("more mails may have been missed than are looked for", { counted: mails.length })
        : Effect.void
    ),
    Effect.map(({ mails }) => mails),
    Effect.catchIf(
      (error) => error._tag === "EwsRefused" && !isRediscover(error),
      (error) => Effect.as(Effect.logWarning(`missed mails cannot be looked for: ${error.message}`), [])
    )
  )
