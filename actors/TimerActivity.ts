import { randomUUID } from "node:crypto"
import { Effect } from "effect"
import type { UserNumber } from "../schemas/Ids.ts"

/** Log lines of work that the clock started: they name the user and an activity of their own, as a request's do. */
export const timerActivity =
  (user: UserNumber) =>
  <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.suspend(() => Effect.annotateLogs(work, { user, activityId: randomUUID() }))
