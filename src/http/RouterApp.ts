import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Context, Effect, Layer, type Scope } from "effect"

/**
 * An app with a router of its own out of routes whose handlers never fail; `otherwise` answers unknown paths.
 * `HttpLayerRouter.serve` and `toHttpEffect` take the router from the layers being built around them, so that two
 * listeners of one process would serve each other's routes.
 */
export const routerApp = <R>(
  routes: Layer.Layer<never, never, HttpLayerRouter.HttpRouter | R>,
  otherwise: Effect.Effect<HttpServerResponse.HttpServerResponse, never, HttpServerRequest.HttpServerRequest>
): Effect.Effect<
  HttpApp.Default<never, Scope.Scope>,
  never,
  Exclude<R, HttpLayerRouter.HttpRouter> | Scope.Scope
> =>
  Effect.gen(function* () {
    const memoMap = yield* Layer.makeMemoMap
    const scope = yield* Effect.scope
    const context = yield* Layer.buildWithMemoMap(Layer.provideMerge(routes, router), memoMap, scope)
    const app = Context.get(context, HttpLayerRouter.HttpRouter).asHttpEffect()
    return Effect.catchAll(app, () => otherwise)
  })

/** Paths as ENS2 took them, and as its apps write them. */
const router = Layer.provide(
  HttpLayerRouter.layer,
  Layer.succeed(HttpLayerRouter.RouterConfig, {
    caseSensitive: false,
    ignoreTrailingSlash: true,
    ignoreDuplicateSlashes: true,
    maxParamLength: 2048
  })
)
