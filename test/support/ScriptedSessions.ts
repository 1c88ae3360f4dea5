import { Effect, Layer } from "effect"
import type { AllowedEndpoint } from "../../layers/ews/EndpointPolicy.ts"
import { type HttpRequest, HttpSessions } from "../../layers/ews/HttpSessions.ts"
import type { HttpAnswer } from "../../layers/ews/SoapAnswer.ts"
import type { EwsError } from "../../schemas/EwsError.ts"

/** A request as a session sent it. */
export interface SentRequest extends HttpRequest {
  readonly endpoint: AllowedEndpoint
  readonly timeout: number
}

/** What becomes of a request. */
export type Turn = (request: SentRequest) => Effect.Effect<HttpAnswer, EwsError>

/** Answers at once. */
export const answer =
  (status: number, body = "", headers: HttpAnswer["headers"] = {}): Turn =>
  () =>
    Effect.succeed({ status, headers, body: Buffer.from(body) })

/** `HttpSessions` without sockets, so that time can be the test's. */
export interface ScriptedSessions {
  readonly layer: Layer.Layer<HttpSessions>
  /** Turns for the next requests; the last one stays in force. */
  readonly script: (...turns: ReadonlyArray<Turn>) => void
  readonly sent: Array<SentRequest>
}

export const scriptedSessions = (): ScriptedSessions => {
  let turns: ReadonlyArray<Turn> = [answer(200)]
  const sent: Array<SentRequest> = []
  const send = (endpoint: AllowedEndpoint, request: HttpRequest, timeout: number) =>
    Effect.suspend(() => {
      const asked = { ...request, endpoint, timeout }
      sent.push(asked)
      const [turn, ...rest] = turns
      if (rest.length > 0) turns = rest
      return turn!(asked)
    })
  return {
    layer: Layer.succeed(HttpSessions, {
      open: () => ({ send, sendAnonymously: send, close: () => {} })
    }),
    script: (...next) => {
      turns = next
    },
    sent
  }
}
