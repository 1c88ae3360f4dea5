import { Context, type Effect } from "effect"
import type { AuthType, RedactedCredentials } from "../../schemas/Credentials.ts"
import type { EwsError } from "../../schemas/EwsError.ts"
import type { ActivityId, UserNumber } from "../../schemas/Ids.ts"
import type { CallWatch } from "./CallWatch.ts"
import type { AllowedEndpoint, EwsUrlNotAllowed } from "./EndpointPolicy.ts"
import type { LogInBudget } from "./LogInBudget.ts"
import type { HttpAnswer } from "./SoapAnswer.ts"

/** On whose behalf requests are sent. */
export interface Caller {
  readonly user: UserNumber
  readonly authType: AuthType
  readonly credentials: RedactedCredentials
  readonly budget: LogInBudget
  /** Sent as `client-request-id`. */
  readonly activityId: ActivityId
  /** Whether credentials may follow Exchange to this URL (a redirect). */
  readonly allow: (url: string) => Effect.Effect<AllowedEndpoint, EwsUrlNotAllowed>
  /** UEM ids of the devices that a Secure Email Gateway has to vouch for; used where the endpoint is one. */
  readonly devices: ReadonlyArray<string>
}

/** A request to Exchange, Autodiscover or a gateway in front of them. */
export interface HttpRequest {
  /** For messages: `Subscribe`, `Autodiscover` … */
  readonly operation: string
  readonly method: "GET" | "POST"
  readonly headers: Readonly<Record<string, string>>
  /** "" with GET. */
  readonly body: string
}

/**
 * HTTP with a user's log-in: one session is one user's, and its connections are nobody else's as long as it lives. An
 * answer of any status is an answer, except that a definite 401 to credentials is `EwsUnauthorized`; redirects are not
 * followed. Fails with `EwsUnreachable`, `EwsTimeout`, `EwsBusy` (no place at the host, or it is left alone for a while),
 * `EwsUnusable` (too large), `EwsRefused` (the credentials lack something, or the endpoint is none that may be asked).
 */
export interface HttpSession {
  /** With the caller's credentials. `timeout`: milliseconds for all of it. */
  readonly send: (
    endpoint: AllowedEndpoint,
    request: HttpRequest,
    timeout: number
  ) => Effect.Effect<HttpAnswer, EwsError>
  /** Without any credentials; a 401 is an answer like others. */
  readonly sendAnonymously: (
    endpoint: AllowedEndpoint,
    request: HttpRequest,
    timeout: number
  ) => Effect.Effect<HttpAnswer, EwsError>
  /** Gives the connection back, or ends it if a log-in clings to it or a request still runs over it. */
  readonly close: () => void
}

export class HttpSessions extends Context.Tag("ens/HttpSessions")<
  HttpSessions,
  {
    /** Nothing is taken before the first request. Whoever opens it must close it. `watches` see all its calls. */
    readonly open: (caller: Caller, watches?: ReadonlyArray<CallWatch>) => HttpSession
  }
>() {}
