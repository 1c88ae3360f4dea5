import { type ClientRequest, Agent as HttpAgent, request as http, type IncomingMessage } from "node:http"
import { Agent as HttpsAgent, request as https } from "node:https"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { Effect, Layer } from "effect"

/** Milliseconds for a whole request. */
const TIMEOUT = 5_000
/** More than so many at once: the collector is too slow, and what comes is dropped. */
const AT_ONCE = 4
const WARN_EVERY = 3_600_000

/**
 * HTTP to the collector. Every trouble is final to the exporters: they drop what they hold and rest for a minute, so that
 * neither a silent collector nor one that asks for patience (429) makes anything pile up. Warns once an hour.
 */
export const layer = (endpoint: string): Layer.Layer<HttpClient.HttpClient> =>
  Layer.scoped(
    HttpClient.HttpClient,
    Effect.gen(function* () {
      const clock = yield* Effect.clock
      const options = { keepAlive: true, maxSockets: AT_ONCE, timeout: 60_000 }
      const isSecure = new URL(endpoint).protocol === "https:"
      const agent = yield* Effect.acquireRelease(
        Effect.sync(() => (isSecure ? new HttpsAgent(options) : new HttpAgent(options))),
        (agent) => Effect.sync(() => agent.destroy())
      )
      const send = isSecure ? https : http
      let underWay = 0
      let warnAt = 0
      let isAway = false

      const failed = (request: HttpClientRequest.HttpClientRequest, reason: string) =>
        Effect.suspend(() => {
          const now = clock.unsafeCurrentTimeMillis()
          isAway = true
          const error = new HttpClientError.RequestError({ request, reason: "Encode", description: reason })
          if (now < warnAt) return Effect.fail(error)
          warnAt = now + WARN_EVERY
          return Effect.zipRight(
            Effect.logWarning(
              `the OpenTelemetry collector at ${new URL(endpoint).host} does not take what it is sent (${reason}), which is dropped; check it, and OTEL_EXPORTER_OTLP_ENDPOINT and _HEADERS`
            ),
            Effect.fail(error)
          )
        })

      return HttpClient.make((request, url) => {
        if (underWay >= AT_ONCE) return failed(request, "too slow")
        underWay++
        const body = request.body._tag === "Uint8Array" ? request.body.body : new Uint8Array()
        const exchange = Effect.async<number, string>((resume) => {
          const headers = { ...request.headers, "content-length": String(body.length) }
          const outgoing = send(url, { agent, method: "POST", headers })
          outgoing.on("response", (incoming) => take(incoming, (status) => resume(Effect.succeed(status))))
          outgoing.on("error", (error) => resume(Effect.fail(codeOf(error))))
          outgoing.end(body)
          return Effect.sync(() => end(outgoing))
        })
        return exchange.pipe(
          Effect.timeoutFail({ duration: TIMEOUT, onTimeout: () => "no answer in time" }),
          Effect.filterOrFail(
            (status) => status >= 200 && status < 300,
            (status) => `HTTP ${status}`
          ),
          Effect.tap(() => {
            if (!isAway) return Effect.void
            isAway = false
            return Effect.logInfo("the OpenTelemetry collector takes what it is sent")
          }),
          Effect.map((status) =>
            HttpClientResponse.fromWeb(request, new Response(null, { status: status === 200 ? 200 : 202 }))
          ),
          Effect.catchAll((reason) => failed(request, reason)),
          Effect.ensuring(Effect.sync(() => underWay--))
        )
      })
    })
  )

/** Nobody reads what it says; but a connection whose answer is not read cannot be used again. */
const take = (incoming: IncomingMessage, done: (status: number) => void): void => {
  let bytes = 0
  incoming.on("data", (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > 64 * 1024) incoming.destroy()
  })
  incoming.on("error", () => {})
  incoming.on("close", () => done(incoming.statusCode ?? 0))
}

const end = (outgoing: ClientRequest): void => {
  outgoing.on("error", () => {})
  outgoing.destroy()
}

const codeOf = (error: Error): string => ("code" in error ? String(error.code) : error.name)
