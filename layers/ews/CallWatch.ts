import { Effect, type Exit } from "effect"
import type { EwsBusy, EwsError } from "../../schemas/EwsError.ts"
import { reportTrouble, settleTrouble } from "../telemetry/Troubles.ts"
import type { AllowedEndpoint } from "./EndpointPolicy.ts"
import type { StoryLine } from "./HostStory.ts"
import type { Caller, HttpSessions } from "./HttpSessions.ts"
import type { HttpAnswer } from "./SoapAnswer.ts"
import type { UrlParts } from "./UrlParts.ts"

/** What came of a call. */
export type Outcome = Exit.Exit<HttpAnswer, EwsError>

/** A call that is about to be made. */
export interface WatchedCall {
  readonly caller: Caller
  readonly endpoint: AllowedEndpoint
  readonly url: UrlParts
  readonly operation: string
  /** Without the caller's log-in. */
  readonly anonymous: boolean
}

/** To be told once what came of a call, and when; answers what its caller is told. */
export type Watching = (outcome: Outcome, now: number, tell: (line: StoryLine) => void) => Outcome

/**
 * Sees all calls, and may refuse one. Plain functions: nothing waits in here. Times are whole milliseconds on a clock that is
 * never set.
 */
export interface CallWatch {
  readonly admit: (call: WatchedCall, now: number) => Watching | EwsBusy
}

/** `HttpSessions` whose calls are watched. The first is asked first, and is told last what came of a call. */
export const watched = (
  inner: HttpSessions["Type"],
  watches: ReadonlyArray<CallWatch>
): HttpSessions["Type"] => ({
  open: (caller, others = []) => inner.open(caller, others.length === 0 ? watches : [...others, ...watches])
})

/** What the watches have to do with one call. Whoever asks them must tell them what came of it, whatever that is. */
export class CallWatching {
  readonly #admitted: Array<Watching> = []
  /** undefined: the call may be made. */
  readonly refusal: EwsBusy | undefined

  /** `now`: milliseconds on a clock that is never set. */
  constructor(watches: ReadonlyArray<CallWatch>, call: WatchedCall, now: number) {
    for (const watch of watches) {
      const watching = watch.admit(call, Math.floor(now))
      if (typeof watching === "function") this.#admitted.push(watching)
      else {
        this.refusal = watching
        return
      }
    }
  }

  /** What the caller is told of this outcome, behind what is to be logged of it. */
  settled(came: Outcome, now: number): Effect.Effect<HttpAnswer, EwsError> {
    const at = Math.floor(now)
    let outcome = came
    let lines: Array<StoryLine> | undefined
    const tell = (line: StoryLine) => {
      lines ??= []
      lines.push(line)
    }
    for (let next = this.#admitted.length - 1; next >= 0; next -= 1) {
      outcome = this.#admitted[next]!(outcome, at, tell)
    }
    return lines === undefined ? outcome : Effect.zipRight(Effect.forEach(lines, write), outcome)
  }
}

const write = ({ fault, level, text, where }: StoryLine): Effect.Effect<void> => {
  const line = level === "warning" ? Effect.logWarning(text) : Effect.logInfo(text)
  if (fault === undefined || where === undefined) return line
  switch (level) {
    case "report":
      return reportTrouble({ fault, where, what: text })
    case "settled":
      return settleTrouble(fault, where)
    case "warning":
      return Effect.zipRight(
        reportTrouble({ fault, where, what: text, told: true }),
        Effect.annotateLogs(line, "fault", fault)
      )
    case "info":
      return Effect.zipRight(settleTrouble(fault, where), Effect.annotateLogs(line, "fault", fault))
  }
}
