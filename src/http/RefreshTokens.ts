import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, type Layer } from "effect"
import { ApiTokens } from "./ApiTokens.ts"

/**
 * `POST /tokens/refresh` on the admin listener: reads the API tokens anew, at most once a second however often it is asked.
 * 204 when that is done, 503 if storage could not be read. Takes and shows nothing secret.
 */
export const refreshTokens: Layer.Layer<never, never, HttpLayerRouter.HttpRouter | ApiTokens> =
  HttpLayerRouter.use((router) =>
    Effect.gen(function* () {
      const tokens = yield* ApiTokens
      yield* router.add(
        "POST",
        PATH,
        tokens.refresh.pipe(
          Effect.as(HttpServerResponse.empty({ status: 204 })),
          Effect.catchAll((error) =>
            Effect.as(
              Effect.logWarning(error.message),
              HttpServerResponse.text("storage cannot be read; try again\n", { status: 503 })
            )
          )
        )
      )
    })
  )

const PATH = "/tokens/refresh"
