import type { IncomingMessage } from "node:http"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Layer, Schema } from "effect"
import { LogLevels } from "../../layers/telemetry/LogLevels.ts"
import { PointInTime } from "../../schemas/PointInTime.ts"

const Level = Schema.Literal("trace", "debug", "info", "warning", "error")

/** How a change is called in the audit, whoever makes it. */
export const LEVEL_CHANGED = "log.level"

/** What `PUT /log-level` takes: from now on, until then (milliseconds since 1970; absent = until the next start). */
export const LogLevelWish = Schema.Struct({ level: Level, until: Schema.optional(PointInTime) })

/** What both answer. `until` null = until the next start. */
export const LogLevelNow = Schema.Struct({ level: Level, until: Schema.NullOr(Schema.Number) })

/**
 * `GET` and `PUT /log-level` on the admin listener, for `ens log-level`. Asks for no token, and is therefore for programs on
 * this machine only: 403 for other addresses, for what a proxy passes on, and for browsers.
 */
export const changeLogLevel: Layer.Layer<never, never, HttpLayerRouter.HttpRouter> = Layer.mergeAll(
  HttpLayerRouter.add(
    "GET",
    "/log-level",
    Effect.suspend(() => forThisMachine(now))
  ),
  HttpLayerRouter.add(
    "PUT",
    "/log-level",
    Effect.suspend(() => forThisMachine(change))
  )
)

const now = Effect.gen(function* () {
  const { level, until } = yield* (yield* LogLevels).current
  return HttpServerResponse.unsafeJson({ level, until: until ?? null } satisfies typeof LogLevelNow.Type)
})

const change = Effect.gen(function* () {
  const wish = yield* HttpServerRequest.schemaBodyJson(LogLevelWish)
  const levels = yield* LogLevels
  const said = Effect.annotateLogs(
    Effect.logInfo(
      `the log level is ${wish.level}${wish.until === undefined ? " until the next start" : ` until ${new Date(wish.until).toISOString()}`}`
    ),
    { logger: "LogLevels" }
  )
  // Afterwards it might be below the level.
  const isQuieter = wish.level === "warning" || wish.level === "error"
  if (isQuieter) yield* said
  yield* levels.set(wish.level, wish.until)
  if (!isQuieter) yield* said
  return yield* now
}).pipe(
  Effect.catchAll(() =>
    HttpServerResponse.text('send {"level":"debug"} as JSON, with "until" in milliseconds if you like\n', {
      status: 400
    })
  )
)

const forThisMachine = <E, R>(answer: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
    isOfThisMachine(request.source as IncomingMessage)
      ? answer
      : Effect.succeed(HttpServerResponse.text("for programs on this machine only\n", { status: 403 }))
  )

/** A browser, which any page could make do it, sends at least one of these; so does a proxy. */
const FOREIGN = ["origin", "sec-fetch-site", "forwarded", "x-forwarded-for", "via"]

const isOfThisMachine = ({ headers, socket }: IncomingMessage): boolean => {
  const from = socket?.remoteAddress?.replace(/^::ffff:/, "")
  const isNear =
    from !== undefined &&
    (from === "::1" || from.startsWith("127.") || from === socket.localAddress?.replace(/^::ffff:/, ""))
  return isNear && FOREIGN.every((name) => headers[name] === undefined)
}
