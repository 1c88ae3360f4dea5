import { Context, Effect } from "effect"
import type { FaultName } from "../../schemas/Fault.ts"

/** A trouble that somebody can mend. Times: milliseconds since 1970. */
export interface Trouble {
  readonly fault: FaultName
  /** What has it: a host, a gateway, "storage". Never a user. */
  readonly where: string
  /** The case in one line, as the log tells it; no secrets, no addresses. */
  readonly what: string
  readonly since: number
  readonly last: number
  readonly count: number
}

/** What is told of a trouble when it shows. */
export interface Report extends Pick<Trouble, "fault" | "where" | "what"> {
  /** A line of the caller's own tells the log of it, with the field `fault`, and another one of its end. */
  readonly told?: boolean
  /** Milliseconds for which it counts as present if nobody reports it again; absent: an hour. */
  readonly holds?: number
}

export interface TroublesShape {
  /**
   * Something went wrong for this reason. The first time, and once an hour after that, it is one warning in the log:
   * `<title> at <where>: <what>; <cure>`, with the field `fault`. Bounded, and cheap enough for every failed call.
   */
  readonly report: (report: Report) => Effect.Effect<void>
  /** It works again: the trouble is over. Nothing happens, at no cost, if there was none. */
  readonly settle: (fault: FaultName, where: string) => Effect.Effect<void>
  /** What has not been settled and was reported within the last hour, the newest first. */
  readonly current: Effect.Effect<ReadonlyArray<Trouble>>
}

/**
 * The troubles of now, for console, detailed readiness and `ens doctor`. A reference and no requirement: who runs without
 * the layer (tests, commands) reports to nobody.
 */
export class Troubles extends Context.Reference<Troubles>()("ens/Troubles", {
  defaultValue: (): TroublesShape => silent
}) {}

/** `Troubles.report` of the fiber at hand. */
export const reportTrouble = (report: Report): Effect.Effect<void> =>
  Effect.flatMap(Troubles, (troubles) => troubles.report(report))

/** `Troubles.settle` of the fiber at hand. */
export const settleTrouble = (fault: FaultName, where: string): Effect.Effect<void> =>
  Effect.flatMap(Troubles, (troubles) => troubles.settle(fault, where))

const silent: TroublesShape = {
  report: () => Effect.void,
  settle: () => Effect.void,
  current: Effect.succeed([])
}
