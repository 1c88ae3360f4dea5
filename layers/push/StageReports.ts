import { Cause, Effect, Exit } from "effect"
import type { Verdict } from "../../schemas/Push.ts"
import type { Trouble } from "../net/Outage.ts"
import type { Landing } from "./Flights.ts"
import type { Gateway } from "./Gateway.ts"

/** What the log is to say after a request, if anything: that the gateway crashed, went down or came back. */
export const reportOf = (
  { name }: Gateway,
  landing: Landing,
  before: Trouble | undefined,
  after: Trouble | undefined,
  now: number
): Effect.Effect<void> | undefined => {
  if (landing !== undefined && Exit.isFailure(landing))
    return Cause.isInterruptedOnly(landing.cause)
      ? undefined
      : Effect.logError(`Push gateway ${name} crashed: ${crashOf(landing.cause)}`)
  if (after && !before) return Effect.logWarning(`Push gateway ${name} is down: ${after.reason}`)
  if (before && !after)
    return Effect.logInfo(
      `Push gateway ${name} is up again after ${Math.round((now - before.since) / 1000)} s`
    )
  return undefined
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
