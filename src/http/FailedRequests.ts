import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Clock, Effect, Option } from "effect"
import { Limits } from "./Limits.ts"
import type { Asker } from "./SourceAddress.ts"

/**
 * Counts the request at hand as one of its address that is refused. It is answered all the same; what follows from too many
 * is `Admission`'s.
 */
export const noteFailed: Effect.Effect<void, never, Limits | HttpServerRequest.HttpServerRequest> =
  Effect.gen(function* () {
    const { failed, keyOf, sourceOf } = yield* Limits
    const request = yield* HttpServerRequest.HttpServerRequest
    failed.take(keyOf(sourceOf(askerOf(request))), yield* Clock.currentTimeMillis)
  })

/** Who sent the request. */
export const askerOf = (request: HttpServerRequest.HttpServerRequest): Asker => ({
  socket: { remoteAddress: Option.getOrUndefined(request.remoteAddress) },
  headers: request.headers
})
