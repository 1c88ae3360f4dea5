import { Cause, Effect, Exit } from "effect"
import type { Verdict } from "../../schemas/Push.ts"
import type { Trouble } from "../net/Outage.ts"
import { reportTrouble, settleTrouble } from "../telemetry/Troubles.ts"
import type { Landing } from "./Flights.ts"
import type { Gateway } from "./Gateway.ts"
import { GATEWAY_FAULTS, gatewayFault } from "./GatewayFault.ts"

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
  if (after) return isDown(name, after.reason, before?.reason)
  if (before)
    return Effect.zipRight(
      settled(name),
      Effect.logInfo(`Push gateway ${name} is up again after ${Math.round((now - before.since) / 1000)} s`)
    )
  return undefined
}

/** Told when it goes down, and when it stays down for another reason. */
const isDown = (where: string, reason: string, before: string | undefined): Effect.Effect<void> => {
  const fault = gatewayFault(reason)
  const report = reportTrouble({ fault, where, what: reason, told: true })
  const wasFault = before === undefined ? undefined : gatewayFault(before)
  if (fault === wasFault) return report
  const line =
    wasFault === undefined
      ? Effect.logWarning(`Push gateway ${where} is down: ${reason}`)
      : Effect.logWarning(`Push gateway ${where} is still down: ${reason}`)
  return settled(where).pipe(
    Effect.zipRight(report),
    Effect.zipRight(Effect.annotateLogs(line, "fault", fault))
  )
}

const settled = (where: string): Effect.Effect<void> =>
  Effect.forEach(GATEWAY_FAULTS, (fault) => settleTrouble(fault, where), { discard: true })

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
