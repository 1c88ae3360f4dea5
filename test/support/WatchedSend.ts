import { Effect, Exit } from "effect"
import { type CallWatch, CallWatching } from "../../layers/ews/CallWatch.ts"
import type { AllowedEndpoint } from "../../layers/ews/EndpointPolicy.ts"
import type { Caller, HttpRequest } from "../../layers/ews/HttpSessions.ts"
import { monotonic } from "../../layers/ews/SessionWire.ts"
import type { HttpAnswer } from "../../layers/ews/SoapAnswer.ts"
import { partsOf } from "../../layers/ews/UrlParts.ts"
import type { EwsError } from "../../schemas/EwsError.ts"

/** A request of a session without sockets, under the eyes of the watches that it was opened with. */
export const watchedSend = (
  caller: Caller,
  watches: ReadonlyArray<CallWatch>,
  endpoint: AllowedEndpoint,
  { operation }: HttpRequest,
  anonymous: boolean,
  ask: Effect.Effect<HttpAnswer, EwsError>
): Effect.Effect<HttpAnswer, EwsError> =>
  Effect.clockWith((clock) =>
    Effect.uninterruptibleMask((interruptibly) => {
      const call = { caller, endpoint, url: partsOf(endpoint.url)!, operation, anonymous }
      const watching = new CallWatching(watches, call, monotonic(clock))
      const answering = watching.refusal === undefined ? interruptibly(ask) : Effect.fail(watching.refusal)
      const settled = (exit: Exit.Exit<HttpAnswer, EwsError>) => watching.settled(exit, monotonic(clock))
      return Effect.matchCauseEffect(answering, {
        onFailure: (cause) => settled(Exit.failCause(cause)),
        onSuccess: (answer) => settled(Exit.succeed(answer))
      })
    })
  )
