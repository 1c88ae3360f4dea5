import { Effect, Exit } from "effect"
import type { EwsBusy, EwsError } from "../../schemas/EwsError.ts"
import type { AllowedEndpoint } from "./EndpointPolicy.ts"
import type { StoryLine } from "./HostStory.ts"
import type { Caller, HttpRequest, HttpSession, HttpSessions } from "./HttpSessions.ts"
import type { HttpAnswer } from "./SoapAnswer.ts"
import { partsOf, type UrlParts } from "./UrlParts.ts"

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
 * Sees all calls, and may refuse one. Plain functions: nothing waits in here. Times are milliseconds on a clock that is never
 * set.
 */
export interface CallWatch {
  readonly admit: (call: WatchedCall, now: number) => Watching | EwsBusy
}

/**
 * `HttpSessions` whose calls are watched, by the clock of whoever makes them. The first is asked first, and is told last what
 * came of a call.
 */
export const watched = (
  inner: HttpSessions["Type"],
  watches: ReadonlyArray<CallWatch>
): Effect.Effect<HttpSessions["Type"]> =>
  Effect.map(Effect.clock, (clock) => {
    const monotonic = () => Math.floor(Number(clock.unsafeCurrentTimeNanos()) / 1_000_000)

    const settled = (
      admitted: ReadonlyArray<Watching>,
      came: Outcome
    ): Effect.Effect<HttpAnswer, EwsError> => {
      const now = monotonic()
      let outcome = came
      let lines: Array<StoryLine> | undefined
      const tell = (line: StoryLine) => {
        lines ??= []
        lines.push(line)
      }
      for (let at = admitted.length - 1; at >= 0; at -= 1) outcome = admitted[at]!(outcome, now, tell)
      return lines === undefined ? outcome : Effect.zipRight(Effect.forEach(lines, write), outcome)
    }

    const watch = (
      caller: Caller,
      endpoint: AllowedEndpoint,
      { operation }: HttpRequest,
      anonymous: boolean,
      ask: Effect.Effect<HttpAnswer, EwsError>
    ): Effect.Effect<HttpAnswer, EwsError> =>
      // Who was admitted has to say what came of it, so that nothing may come between. One region for all: they are dear.
      Effect.uninterruptibleMask((interruptibly) => {
        const url = partsOf(endpoint.url)
        if (url === undefined) return interruptibly(ask)
        const call: WatchedCall = { caller, endpoint, url, operation, anonymous }
        const startedAt = monotonic()
        const admitted: Array<Watching> = []
        for (const one of watches) {
          const watching = one.admit(call, startedAt)
          if (typeof watching !== "function") return settled(admitted, Exit.fail(watching))
          admitted.push(watching)
        }
        return Effect.matchCauseEffect(interruptibly(ask), {
          onFailure: (cause) => settled(admitted, Exit.failCause(cause)),
          onSuccess: (answer) => settled(admitted, Exit.succeed(answer))
        })
      })

    return {
      open: (caller): HttpSession => {
        const session = inner.open(caller)
        return {
          send: (endpoint, request, timeout) =>
            watch(caller, endpoint, request, false, session.send(endpoint, request, timeout)),
          sendAnonymously: (endpoint, request, timeout) =>
            watch(caller, endpoint, request, true, session.sendAnonymously(endpoint, request, timeout)),
          close: session.close
        }
      }
    }
  })

const write = ({ level, text }: StoryLine): Effect.Effect<void> =>
  level === "warning" ? Effect.logWarning(text) : Effect.logInfo(text)
