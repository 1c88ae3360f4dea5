import { Clock, Effect } from "effect"
import type { AllowedEndpoint } from "../../layers/ews/EndpointPolicy.ts"
import type { Caller, HttpRequest, HttpSession, HttpSessions } from "../../layers/ews/HttpSessions.ts"
import type { HttpAnswer } from "../../layers/ews/SoapAnswer.ts"
import { type EwsError, EwsUnauthorized, EwsUnreachable } from "../../schemas/EwsError.ts"

/** A request as the scripted world saw it. */
export interface SeenRequest {
  readonly url: string
  readonly endpoint: AllowedEndpoint
  readonly method: "GET" | "POST"
  readonly withCredentials: boolean
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
  readonly timeout: number
  /** Milliseconds since 1970. */
  readonly at: number
}

/** What a URL answers. */
export type Reaction = (request: SeenRequest) => Effect.Effect<HttpAnswer, EwsError>

/** `HttpSessions` without sockets: answers come from a script by URL, everything else cannot be reached. */
export interface FakeHttpSessions {
  readonly service: HttpSessions["Type"]
  /** From now on this URL (compared ignoring case) answers so. */
  readonly on: (url: string, reaction: Reaction) => void
  readonly otherwise: (reaction: Reaction) => void
  /** What the script says nothing about goes on to these. */
  readonly elseTo: (sessions: HttpSessions["Type"]) => HttpSessions["Type"]
  readonly requests: Array<SeenRequest>
  /** Sessions that are open now. */
  readonly open: () => number
}

export const answer = (
  status: number,
  body = "",
  headers: Readonly<Record<string, string>> = {}
): HttpAnswer => ({ status, headers, body: Buffer.from(body) })

export const says =
  (status: number, body = "", headers: Readonly<Record<string, string>> = {}): Reaction =>
  () =>
    Effect.succeed(answer(status, body, headers))

/** 401 to whoever does not log in. */
export const behindLogIn =
  (reaction: Reaction): Reaction =>
  (request) =>
    request.withCredentials
      ? reaction(request)
      : Effect.succeed(answer(401, "", { "www-authenticate": "Basic, Negotiate" }))

/** Refuses whatever log-in. */
export const refuses: Reaction = says(401, "", { "www-authenticate": "Basic" })

export const unreachable: Reaction = ({ url }) =>
  new EwsUnreachable({
    operation: "Autodiscover",
    host: new URL(url).host,
    reason: "its name does not resolve",
    sent: false
  })

export const makeFakeHttpSessions = (): FakeHttpSessions => {
  const reactions = new Map<string, Reaction>()
  const requests: Array<SeenRequest> = []
  let fallback = unreachable
  let open = 0

  const react = (
    caller: Caller,
    endpoint: AllowedEndpoint,
    { body, headers, method, operation }: HttpRequest,
    timeout: number,
    withCredentials: boolean
  ): Effect.Effect<HttpAnswer, EwsError> =>
    Effect.gen(function* () {
      const unauthorized = new EwsUnauthorized({
        operation,
        host: new URL(endpoint.url).host,
        offered: ["Basic"]
      })
      if (withCredentials && !caller.budget.allows) return yield* unauthorized
      const at = yield* Clock.currentTimeMillis
      const seen = { url: endpoint.url, endpoint, method, withCredentials, body, headers, timeout, at }
      requests.push(seen)
      const answered = yield* (reactions.get(endpoint.url.toLowerCase()) ?? fallback)(seen).pipe(
        Effect.timeoutFail({
          duration: timeout,
          onTimeout: () =>
            new EwsUnreachable({
              operation,
              host: unauthorized.host,
              reason: "no answer in time",
              sent: true
            })
        })
      )
      if (!withCredentials || answered.status !== 401) return answered
      caller.budget.spend()
      return yield* unauthorized
    })

  const service: HttpSessions["Type"] = {
    open: (caller) => {
      open++
      return {
        send: (endpoint, request, timeout) => react(caller, endpoint, request, timeout, true),
        sendAnonymously: (endpoint, request, timeout) => react(caller, endpoint, request, timeout, false),
        close: () => void open--
      }
    }
  }
  return {
    service,
    elseTo: (sessions) => ({
      open: (caller, watches): HttpSession => {
        const scripted = service.open(caller)
        const real = sessions.open(caller, watches)
        const of = ({ url }: AllowedEndpoint) => (reactions.has(url.toLowerCase()) ? scripted : real)
        return {
          send: (endpoint, request, timeout) => of(endpoint).send(endpoint, request, timeout),
          sendAnonymously: (endpoint, request, timeout) =>
            of(endpoint).sendAnonymously(endpoint, request, timeout),
          close: () => {
            scripted.close()
            real.close()
          }
        }
      }
    }),
    on: (url, reaction) => void reactions.set(url.toLowerCase(), reaction),
    otherwise: (reaction) => {
      fallback = reaction
    },
    requests,
    open: () => open
  }
}
