import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, type Layer, type Scope } from "effect"
import type { KeyPool } from "../../actors/KeyPool.ts"
import type { Ownership } from "../../layers/ownership/Ownership.ts"
import type { UserId } from "../../schemas/Ids.ts"
import { Settings } from "../../schemas/Settings.ts"
import { alive } from "./Alive.ts"
import type { ApiTokens } from "./ApiTokens.ts"
import { type Endpoint, serve } from "./Endpoint.ts"
import { respond } from "./Envelope.ts"
import * as Gate from "./Gate.ts"
import { getPublicKey } from "./GetPublicKey.ts"
import { getSubscriptionStatus } from "./GetSubscriptionStatus.ts"
import type { Intake } from "./Intake.ts"
import { methodNotAllowed } from "./MethodNotAllowed.ts"
import { readiness, wordOf } from "./Readiness.ts"
import { type RegisterServices, registerDevice } from "./RegisterDevice.ts"
import { routerApp } from "./RouterApp.ts"
import { unregister } from "./Unregister.ts"
import { updateDeviceToken } from "./UpdateDeviceToken.ts"

/** What the public routes need. */
export type DeviceServices = Settings | RegisterServices | KeyPool | ApiTokens | Intake | Ownership

/** What the public listener serves besides Exchange's callback; give it to `PublicListener`. */
export const app: Effect.Effect<
  HttpApp.Default<never, Scope.Scope>,
  never,
  DeviceServices | Scope.Scope
> = Effect.flatMap(Settings, (settings) => routerApp(layer, notFound(settings)))

/**
 * The device API under every base path, `alive`, `healthz`, `readyz`, and the answer to a wrong method.
 *
 * These are plain routes, not `HttpApi` handlers: the wire has rules (any Content-Type, keys in any case, one envelope for
 * every error) that a schema-driven decoder would break. `DeviceApiDescription.ts` describes the same routes for OpenAPI.
 */
export const layer: Layer.Layer<never, never, HttpLayerRouter.HttpRouter | DeviceServices> =
  HttpLayerRouter.use((router) =>
    Effect.gen(function* () {
      const settings = yield* Settings
      const services = yield* Effect.context<DeviceServices>()
      const gate = yield* Gate.make(MAX_IN_FLIGHT)
      /** One route for all methods of a path, so that a wrong one is told apart from an unknown path. */
      const add = (
        path: `/${string}`,
        method: "GET" | "POST",
        handler: Effect.Effect<
          HttpServerResponse.HttpServerResponse,
          never,
          DeviceServices | HttpServerRequest.HttpServerRequest
        >
      ) => {
        const provided = Effect.provide(handler, services)
        return router.add("*", path, (request) =>
          request.method === method || (method === "GET" && request.method === "HEAD")
            ? provided
            : Effect.succeed(wrongMethod(request.method, method))
        )
      }
      const endpoint = <A extends { readonly userId: UserId }>(
        base: string,
        it: Endpoint<A, DeviceServices>
      ) => add(`/${base.slice(1)}/${it.name}`, "POST", serve(it, gate))

      for (const base of settings.basePaths) {
        yield* endpoint(base, getPublicKey)
        yield* endpoint(base, registerDevice)
        yield* endpoint(base, getSubscriptionStatus)
        yield* endpoint(base, updateDeviceToken)
        yield* endpoint(base, unregister)
        yield* add(
          `/${base.slice(1)}/alive`,
          "GET",
          Effect.sync(() => alive(settings))
        )
        // Exchange's POST never comes this far, see PublicListener.
        yield* add(`/${base.slice(1)}/pushnotificationlistener`, "POST", Effect.succeed(notFound(settings)))
      }
      yield* add("/healthz", "GET", Effect.succeed(HttpServerResponse.text("ok\n")))
      yield* add(
        "/readyz",
        "GET",
        Effect.map(readiness, (state) =>
          HttpServerResponse.text(`${wordOf(state)}\n`, { status: state.ready ? 200 : 503 })
        )
      )
    })
  )

/** Requests under way at once, most of them registrations that wait for Exchange: cheap, but not for nothing. */
const MAX_IN_FLIGHT = 5000

const notFound = (settings: Settings["Type"]) =>
  respond(settings, {
    code: "UpdateFail",
    status: 404,
    message: "there is nothing under this path; check the base path, like /api/ens/registerdevicev2"
  })

const wrongMethod = (method: string, allowed: "GET" | "POST"): HttpServerResponse.HttpServerResponse => {
  const { allow, body, contentType, status } = methodNotAllowed(method, allowed)
  return HttpServerResponse.text(body, { status, contentType, headers: { allow } })
}
