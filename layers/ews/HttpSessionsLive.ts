import { Effect, Layer, Redacted } from "effect"
import { Client } from "undici"
import {
  EwsBusy,
  type EwsError,
  EwsRefused,
  EwsTimeout,
  EwsUnauthorized,
  EwsUnreachable,
  EwsUnusable
} from "../../schemas/EwsError.ts"
import type { ConnectRule } from "../net/ConnectAddress.ts"
import { type ConnectorOptions, makeConnector } from "../net/Connector.ts"
import { logIn } from "./Authentication.ts"
import type { AllowedEndpoint } from "./EndpointPolicy.ts"
import type { CallSite } from "./EwsErrors.ts"
import { type HostLimits, makeHostConnections } from "./HostConnections.ts"
import { type HttpFailure, type Progress, post } from "./HttpPost.ts"
import { type Caller, type HttpRequest, HttpSessions } from "./HttpSessions.ts"
import { ANSWER_LIMIT, type HttpAnswer, offeredSchemes } from "./SoapAnswer.ts"

/** Bounds and seams of the client; times in milliseconds. */
export interface HttpSessionsOptions extends HostLimits, ConnectorOptions {
  /** Longest silence of a host: until the answer begins, and between its pieces. */
  readonly silence: number
  /** How long a connection without a call is kept; shorter than IIS keeps it (2 minutes), because a race costs a call. */
  readonly keepAlive: number
}

/** Exchange lets a user have 27 calls at a time (10 on Exchange 2010), so a host bears more than these (FACTS section 5). */
export const defaultOptions: HttpSessionsOptions = {
  connectionsPerHost: 16,
  waitingPerHost: 1000,
  hosts: 256,
  idleAfter: 300_000,
  connectTimeout: 5_000,
  silence: 30_000,
  keepAlive: 30_000
}

/** What ENS2 sends too; administrators look for it in Exchange's log. */
export const USER_AGENT = "MailNotificationService/v2 (ExchangeServicesClient/15.00.0913.015)"

/** `HttpSessions` over undici. All connections are closed with the layer's scope. */
export const layerWith = (options: Partial<HttpSessionsOptions>): Layer.Layer<HttpSessions> =>
  Layer.scoped(
    HttpSessions,
    Effect.suspend(() => make({ ...defaultOptions, ...options }))
  )

/** The same with the default bounds. */
export const layer: Layer.Layer<HttpSessions> = layerWith({})

interface Host {
  readonly origin: string
  readonly rule: ConnectRule
}

const make = (options: HttpSessionsOptions) =>
  Effect.gen(function* () {
    const connections = yield* makeHostConnections<Host>(
      options,
      ({ origin, rule }) =>
        new Client(origin, {
          connect: makeConnector(rule, options),
          pipelining: 1,
          headersTimeout: options.silence,
          bodyTimeout: options.silence,
          keepAliveTimeout: options.keepAlive,
          keepAliveMaxTimeout: options.keepAlive,
          maxResponseSize: ANSWER_LIMIT
        })
    )

    const exchange = (
      caller: Caller,
      endpoint: AllowedEndpoint,
      request: HttpRequest,
      timeout: number,
      anonymous: boolean
    ): Effect.Effect<HttpAnswer, EwsError> =>
      Effect.suspend(() => {
        const url = URL.parse(endpoint.url)
        const site: CallSite = { operation: request.operation, host: url?.host ?? "" }
        const host = url === null ? undefined : hostOf(url, endpoint)
        if (url === null || host === undefined) {
          return Effect.fail(new EwsRefused({ ...site, responseCode: "endpoint not allowed", status: 0 }))
        }
        const progress: Progress & { connected: boolean } = { connected: false, sent: false }
        const exchanged = connections.use(`${host.rule.listed} ${host.origin}`, host, (client) => {
          progress.connected = true
          // Opened only now that there is a place for the call.
          const authorization: Effect.Effect<Readonly<Record<string, string>>, EwsRefused> = anonymous
            ? Effect.succeed({})
            : Effect.map(logIn(site, caller), (login) => ({
                authorization: Redacted.value(login.authorization)
              }))
          return Effect.flatMap(authorization, (header) =>
            post(
              client,
              request.method,
              url.pathname + url.search,
              { ...headersOf(caller), ...request.headers, ...header },
              request.body,
              progress
            )
          )
        })
        return exchanged.pipe(
          Effect.catchTags({
            HttpFailure: (failure) => Effect.fail(errorOfFailure(site, failure, options)),
            NoPlace: (failure) => Effect.fail(busy(site, failure.reason))
          }),
          Effect.timeoutFail({
            duration: timeout,
            onTimeout: () => errorOfTimeout(site, timeout, progress)
          }),
          Effect.tap((answer) => logAnswer(site, answer)),
          Effect.tap((answer) =>
            answer.status === 401 && !anonymous
              ? Effect.fail(new EwsUnauthorized({ ...site, offered: offeredSchemes(answer) }))
              : Effect.void
          )
        )
      })

    return HttpSessions.of({
      open: (caller) =>
        Effect.succeed({
          send: (endpoint, request, timeout) => exchange(caller, endpoint, request, timeout, false),
          sendAnonymously: (endpoint, request, timeout) => exchange(caller, endpoint, request, timeout, true)
        })
    })
  })

/** The policy has decided already; what it can never allow is refused here too, before anything is opened. */
const hostOf = (url: URL, endpoint: AllowedEndpoint): Host | undefined => {
  const secure = url.protocol === "https:"
  const allowed = endpoint.listed ? secure || url.protocol === "http:" : secure && url.port === ""
  return allowed ? { origin: url.origin, rule: { listed: endpoint.listed, secure } } : undefined
}

const headersOf = (caller: Caller): Readonly<Record<string, string>> => ({
  "user-agent": USER_AGENT,
  "client-request-id": caller.activityId,
  "return-client-request-id": "true"
})

const busy = (site: CallSite, responseCode: string) => new EwsBusy({ ...site, responseCode, retryAfter: 0 })

const errorOfFailure = (site: CallSite, failure: HttpFailure, options: HttpSessionsOptions): EwsError => {
  switch (failure.kind) {
    case "connection":
      return new EwsUnreachable({ ...site, reason: failure.reason, sent: failure.sent })
    case "silence":
      return new EwsTimeout({ ...site, milliseconds: options.silence })
    case "too large":
      return new EwsUnusable({ ...site, status: failure.status, reason: "too large" })
  }
}

/** A timeout says that the call may have had its effect, so it is none if the request never left. */
const errorOfTimeout = (
  site: CallSite,
  milliseconds: number,
  progress: Progress & { readonly connected: boolean }
): EwsError => {
  if (progress.sent) return new EwsTimeout({ ...site, milliseconds })
  if (!progress.connected) return busy(site, "no connection became free")
  return new EwsUnreachable({ ...site, reason: `no connection within ${milliseconds} ms`, sent: false })
}

/** With these, Exchange's administrators find the call in their logs. */
const logAnswer = (site: CallSite, { headers, status }: HttpAnswer) => {
  const header = (name: string) => String(headers[name] ?? "").slice(0, 64)
  return Effect.logDebug("Exchange answered").pipe(
    Effect.annotateLogs({
      ...site,
      status,
      requestId: header("request-id"),
      frontEnd: header("x-feserver")
    })
  )
}
