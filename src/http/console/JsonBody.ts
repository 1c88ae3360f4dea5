import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Effect, ParseResult, Schema, Stream } from "effect"
import { type ConsoleProblem, problem } from "./ConsoleProblem.ts"

/** Bytes. */
export const BODY_MAX = 64 * 1024

/**
 * The body as this schema says. It must be called JSON, which no form of another site can do without asking first; what
 * is wrong with it is told without quoting it.
 */
export const readBody = <A, I>(
  request: HttpServerRequest.HttpServerRequest,
  schema: Schema.Schema<A, I>
): Effect.Effect<A, ConsoleProblem> =>
  Effect.gen(function* () {
    const type = request.headers["content-type"]?.split(";")[0]?.trim().toLowerCase()
    if (type !== "application/json") return yield* problem(415, "send JSON (Content-Type: application/json)")
    if (Number(request.headers["content-length"]) > BODY_MAX) return yield* TOO_LARGE
    const text = yield* collect(request)
    const json = yield* Effect.try({
      try: (): unknown => JSON.parse(text),
      catch: () => problem(400, "the body must be JSON in UTF-8")
    })
    return yield* Effect.mapError(Schema.decodeUnknown(schema)(json), (error) => {
      const [first] = ParseResult.ArrayFormatter.formatErrorSync(error)
      return problem(400, `the body's ${first?.path.join(".") || "form"} is not what it should be`)
    })
  })

const collect = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<string, ConsoleProblem> =>
  Effect.suspend(() => {
    const chunks: Array<Uint8Array> = []
    let size = 0
    return request.stream.pipe(
      Stream.mapError(() => problem(400, "the body could not be read")),
      Stream.runForEach((chunk) => {
        size += chunk.length
        chunks.push(chunk)
        return size > BODY_MAX ? Effect.fail(TOO_LARGE) : Effect.void
      }),
      Effect.timeoutFail({
        duration: "20 seconds",
        onTimeout: () => problem(400, "the body did not arrive in time")
      }),
      Effect.flatMap(() =>
        Effect.try({
          try: () => new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks)),
          catch: () => problem(400, "the body must be JSON in UTF-8")
        })
      )
    )
  })

const TOO_LARGE = problem(413, `the body must have at most ${BODY_MAX} bytes`)
