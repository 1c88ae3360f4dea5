import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Effect, Schema, Stream } from "effect"
import { BODY_LIMIT } from "../../schemas/BodyLimit.ts"
import { RequestUnusable } from "../../schemas/DeviceApi.ts"
import { DEPTH_MAX, shapeOf, VALUES_MAX } from "./JsonShape.ts"
import { DRAIN_MAX } from "./RequestBody.ts"

/** The body has more than `BODY_LIMIT` bytes: code 32 with status 413. */
export class BodyTooLarge extends Schema.TaggedError<BodyTooLarge>()("BodyTooLarge", {}) {
  override get message() {
    return `the body must have at most ${BODY_LIMIT} bytes`
  }
}

/** The body as JSON, whatever its Content-Type says; bounded in size and time, with and without Content-Length. */
export const readJson = (
  request: HttpServerRequest.HttpServerRequest
): Effect.Effect<unknown, BodyTooLarge | RequestUnusable> =>
  Number(request.headers["content-length"]) > DRAIN_MAX
    ? Effect.fail(new BodyTooLarge())
    : collect(request).pipe(
        Effect.timeoutFail({
          duration: "20 seconds",
          onTimeout: () => new RequestUnusable({ reason: "the body did not arrive in time" })
        }),
        Effect.flatMap(parse)
      )

const collect = (request: HttpServerRequest.HttpServerRequest) =>
  Effect.suspend(() => {
    const chunks: Array<Uint8Array> = []
    let size = 0
    return request.stream.pipe(
      Stream.mapError(() => new RequestUnusable({ reason: "the body could not be read" })),
      Stream.runForEach((chunk) => {
        size += chunk.length
        if (size <= BODY_LIMIT) chunks.push(chunk)
        return size > DRAIN_MAX ? Effect.fail(new BodyTooLarge()) : Effect.void
      }),
      Effect.flatMap(() => (size > BODY_LIMIT ? Effect.fail(new BodyTooLarge()) : Effect.succeed(chunks)))
    )
  })

const parse = (chunks: ReadonlyArray<Uint8Array>) =>
  Effect.gen(function* () {
    const text = yield* Effect.try({
      try: () => new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks)),
      catch: () => NO_JSON
    })
    const { isModest, keys } = shapeOf(text)
    if (!isModest) return yield* new RequestUnusable({ reason: TOO_MUCH })
    // The parser's message would quote the body.
    const json = yield* Effect.try({ try: (): unknown => JSON.parse(text), catch: () => NO_JSON })
    // The parser takes the last one; who checks requests on their way here may have looked at the other.
    return isObject(json) && Object.keys(json).length !== keys
      ? yield* new RequestUnusable({ reason: "no key may be given twice" })
      : json
  })

const isObject = (json: unknown): json is object =>
  typeof json === "object" && json !== null && !Array.isArray(json)

const NO_JSON = new RequestUnusable({ reason: "the body must be JSON in UTF-8" })
const TOO_MUCH = `the body must have at most ${DEPTH_MAX} levels and ${VALUES_MAX} values`
