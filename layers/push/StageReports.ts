import { Cause, Effect, Exit } from "effect"
import type { Verdict } from "../../schemas/Push.ts"
import type { Trouble } from "../net/Outage.ts"
import type { Gateway } from "./Gateway.ts"

/** What the log says after a request: that the gateway crashed, went down or came back. */
export const reportOf = (
  { name }: Gateway,
  exit: Exit.Exit<ReadonlyArray<Verdict>>,
  before: Trouble | undefined,
  after: Trouble | undefined,
  now: number
): Effect.Effect<void> => {
  if (Exit.isFailure(exit))
    return Cause.isInterruptedOnly(exit.cause)
      ? Effect.void
      : Effect.logError(`Push gateway ${name} crashed: ${crashOf(exit.cause)}`)
  if (after && !before) return Effect.logWarning(`Push gateway ${name} is down: ${after.reason}`)
  if (before && !after)
    return Effect.logInfo(
      `Push gateway ${name} is up again after ${Math.round((now - before.since) / 1000)} s`
    )
  return Effect.void
}

/** A notification was convicted, see `Suspects`. */
export const reportConvicted = ({ name }: Gateway, [verdict]: ReadonlyArray<Verdict>): Effect.Effect<void> =>
  verdict?._tag === "Rejected"
    ? Effect.logWarning(
        `Push gateway ${name} stumbles over a notification; it is given up: ${verdict.reason}`
      )
    : Effect.void

/** Kind and place of a crash, without its message: that may quote a mail. */
const crashOf = (cause: Cause.Cause<never>): string => {
  const crash = Cause.squash(cause)
  if (!(crash instanceof Error)) return typeof crash
  const place = crash.stack?.split("\n").find((line) => line.startsWith("    at "))
  return `${crash.name}${place ? ` ${place.trim()}` : ""}`
}
