import { Clock, Effect } from "effect"
import type { EwsError, EwsUnauthorized } from "../../schemas/EwsError.ts"
import { type AutodiscoverAnswer, type AutodiscoverProtocol, answerOf } from "./AutodiscoverAnswer.ts"
import { ANSWER_TIMEOUT, PROBE_TIMEOUT, type SearchTask, timeFor } from "./AutodiscoverTask.ts"
import type { AllowedEndpoint } from "./EndpointPolicy.ts"
import type { HttpSession } from "./HttpSessions.ts"

/** One question to one service. */
export interface Question {
  readonly session: HttpSession
  readonly protocol: AutodiscoverProtocol
  readonly endpoint: AllowedEndpoint
  readonly address: string
}

/** `Absent`: no protocol of that host needs to be tried any more. */
export type Reply = AutodiscoverAnswer | { readonly _tag: "Absent"; readonly reason: string }

/**
 * Asks without credentials first: a host that does not ask for them (a web site, which answers with a page or a redirect
 * to another) never gets them. Not with certificates: they are asked for before anything can be answered.
 */
export const ask = Effect.fnUntraced(function* (
  task: SearchTask,
  question: Question
): Effect.fn.Return<Reply, EwsUnauthorized> {
  const { authType } = task.caller
  if (authType !== "Certificate" && authType !== "Dual") {
    const reply = yield* askAnonymously(task, question, PROBE_TIMEOUT)
    if (reply._tag !== "AsksForLogIn") return reply
  }
  const { address, endpoint, protocol, session } = question
  const timeout = yield* timeFor(task, ANSWER_TIMEOUT)
  task.report.loggedIn = true
  return yield* session.send(endpoint, protocol.request(address, endpoint.url), timeout).pipe(
    Effect.zip(Clock.currentTimeMillis),
    Effect.map(([answer, now]): Reply => answerOf(protocol, endpoint.url, answer, now)),
    Effect.catchAll((error): Effect.Effect<Reply, EwsUnauthorized> => {
      if (error._tag !== "EwsUnauthorized") return Effect.succeed(absence(error))
      // One refusal is not final, but each counts: directories lock accounts after a few.
      return task.caller.budget.allows
        ? Effect.succeed({ _tag: "Absent", reason: "refuses the log-in (401)" })
        : Effect.fail(error)
    })
  )
})

/** Asks without credentials, within so many milliseconds. */
export const askAnonymously = Effect.fnUntraced(function* (
  task: SearchTask,
  { address, endpoint, protocol, session }: Question,
  most: number
): Effect.fn.Return<Reply | { readonly _tag: "AsksForLogIn" }> {
  const timeout = yield* timeFor(task, most)
  return yield* session.sendAnonymously(endpoint, protocol.request(address, endpoint.url), timeout).pipe(
    Effect.zip(Clock.currentTimeMillis),
    Effect.map(([answer, now]) =>
      answer.status === 401
        ? ({ _tag: "AsksForLogIn" } as const)
        : answerOf(protocol, endpoint.url, answer, now)
    ),
    Effect.catchAll((error) => Effect.succeed(absence(error)))
  )
})

const absence = (error: EwsError): Reply => {
  if (error._tag === "EwsBusy") return { _tag: "Busy", retryAfter: error.retryAfter }
  const reason = error._tag === "EwsUnreachable" ? `cannot be reached: ${error.reason}` : error.message
  return { _tag: "Absent", reason }
}
