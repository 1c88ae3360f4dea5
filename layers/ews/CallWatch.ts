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

/** To be told once what came of a call, and what to log of it; answers what its caller is told. */
export type Watching = (outcome: Outcome, tell: (line: StoryLine) => void) => Outcome

/** Sees all calls, and may refuse one. Plain functions: nothing waits in here. */
export interface CallWatch {
  readonly admit: (call: WatchedCall) => Watching | EwsBusy
}

/** `HttpSessions` whose calls are watched. The first is asked first, and is told last what came of a call. */
export const watched = (
  inner: HttpSessions["Type"],
  watches: ReadonlyArray<CallWatch>
): HttpSessions["Type"] => ({
  open: (caller): HttpSession => {
    const session = inner.open(caller)
    return {
      send: (endpoint, request, timeout) =>
        watch(watches, caller, endpoint, request, false, session.send(endpoint, request, timeout)),
      sendAnonymously: (endpoint, request, timeout) =>
        watch(watches, caller, endpoint, request, true, session.sendAnonymously(endpoint, request, timeout)),
      close: session.close
    }
  }
})

const watch = (
  watches: ReadonlyArray<CallWatch>,
  caller: Caller,
  endpoint: AllowedEndpoint,
  { operation }: HttpRequest,
  anonymous: boolean,
  ask: Effect.Effect<HttpAnswer, EwsError>
): Effect.Effect<HttpAnswer, EwsError> =>
  // Who was admitted has to say what came of it, so that nothing may come between. One region for all, because they are dear.
  Effect.uninterruptibleMask((interruptibly) => {
    const url = partsOf(endpoint.url)
    if (url === undefined) return interruptibly(ask)
    const call: WatchedCall = { caller, endpoint, url, operation, anonymous }
    const admitted: Array<Watching> = []
    for (const one of watches) {
      const watching = one.admit(call)
      if (typeof watching !== "function") return settled(admitted, Exit.fail(watching))
      admitted.push(watching)
    }
    return Effect.matchCauseEffect(interruptibly(ask), {
      onFailure: (cause) => settled(admitted, Exit.failCause(cause)),
      onSuccess: (answer) => settled(admitted, Exit.succeed(answer))
    })
  })

const settled = (admitted: ReadonlyArray<Watching>, came: Outcome): Effect.Effect<HttpAnswer, EwsError> => {
  let outcome = came
  let lines: Array<StoryLine> | undefined
  const tell = (line: StoryLine) => {
    lines ??= []
    lines.push(line)
  }
  for (let at = admitted.length - 1; at >= 0; at -= 1) outcome = admitted[at]!(outcome, tell)
  return lines === undefined ? outcome : Effect.zipRight(Effect.forEach(lines, write), outcome)
}

const write = ({ level, text }: StoryLine): Effect.Effect<void> =>
  level === "warning" ? Effect.logWarning(text) : Effect.logInfo(text)
