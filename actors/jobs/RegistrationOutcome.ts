import { Effect } from "effect"
import type { UserNumber } from "../../schemas/Ids.ts"
import { History } from "../History.ts"
import type { DeskResult } from "../JobResults.ts"
import { causeText } from "./CauseText.ts"

/** Why a registration failed, as its user's history tells it; devices are told in other words. */
export interface Trouble {
  cause?: string
}

/** What the job fails with is known to `noteOutcome`. */
export const remembering =
  (trouble: Trouble) =>
  <A, E extends Parameters<typeof causeText>[0], R>(job: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.tapError(job, (error) =>
      Effect.sync(() => {
        trouble.cause = causeText(error)
      })
    )

/** Notes how a registration ended in the user's history. */
export const noteOutcome = (user: UserNumber, result: DeskResult, { cause }: Trouble): Effect.Effect<void> =>
  Effect.map(History, ({ note }) => {
    // What comes of it is told when the subscription has been tried, too.
    if (result._tag === "NeedsSubscription") return
    const { code, message } = result.reply
    const why = cause ?? message
    note(user, "registration", why === "" ? code : `${code}: ${why}`)
  })
