import { Effect, Layer, type Scope } from "effect"
import type { AllowedEndpoint } from "../../layers/ews/EndpointPolicy.ts"
import type { EwsSetupError } from "../../layers/ews/EwsSetupError.ts"
import {
  type Caller,
  type HttpRequest,
  type HttpSession,
  HttpSessions
} from "../../layers/ews/HttpSessions.ts"
import { type HttpSessionsOptions, layerWith } from "../../layers/ews/HttpSessionsLive.ts"
import type { HttpAnswer } from "../../layers/ews/SoapAnswer.ts"
import type { EwsError } from "../../schemas/EwsError.ts"
import type { SettingsShape } from "../../schemas/Settings.ts"
import { settingsOf } from "./CryptoFixture.ts"
import { timedAccount } from "./EwsCaller.ts"
import { make } from "./TestCertificate.ts"

/** For TLS servers on 127.0.0.1; `sessionsLayer` trusts it. */
export const certificate = make("127.0.0.1")

export const sessionsLayer = (
  options: Partial<HttpSessionsOptions> = {},
  settings: Partial<SettingsShape> = {}
): Layer.Layer<HttpSessions, EwsSetupError> =>
  layerWith({ ca: certificate.cert, ...options }).pipe(Layer.provide(settingsOf(settings)))

/** Somebody with a password, unless said otherwise. */
export const callerWith = (changes: Parameters<typeof timedAccount>[1] = {}): Caller =>
  timedAccount("https://unused/", changes)

export const open = (caller: Caller): Effect.Effect<HttpSession, never, HttpSessions | Scope.Scope> =>
  Effect.flatMap(HttpSessions, (sessions) =>
    Effect.acquireRelease(
      Effect.sync(() => sessions.open(caller)),
      (session) => Effect.sync(session.close)
    )
  )

export const endpointAt = (
  origin: string,
  path = "/EWS/Exchange.asmx",
  changes: Partial<AllowedEndpoint> = {}
): AllowedEndpoint => ({ url: `${origin}${path}`, listed: true, pins: [], seg: false, ...changes })

/** A request with a body by which it is recognised. */
export const request: HttpRequest = {
  operation: "GetFolder",
  method: "POST",
  headers: { "content-type": "text/xml" },
  body: "<whole/>"
}

export const ask = (session: HttpSession, endpoint: AllowedEndpoint): Effect.Effect<HttpAnswer, EwsError> =>
  session.send(endpoint, request, 10_000)

/** The status of the answer, or how there was none. */
export const outcome = (
  answering: Effect.Effect<HttpAnswer, EwsError>
): Effect.Effect<number | { readonly [key: string]: unknown }> =>
  Effect.match(answering, { onSuccess: ({ status }) => status, onFailure: (error) => ({ ...error }) })
