import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Clock, Effect, Exit, type Layer, type Scope } from "effect"
import type { KeyPool } from "../../actors/KeyPool.ts"
import type { MasterKey } from "../../layers/crypto/MasterKey.ts"
import type { RsaKeys } from "../../layers/crypto/RsaKeys.ts"
import type { Ownership } from "../../layers/ownership/Ownership.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import type { RegisterDeviceRequest } from "../../schemas/DeviceApi.ts"
import type { UserId } from "../../schemas/Ids.ts"
import { Settings } from "../../schemas/Settings.ts"
import { alive } from "./Alive.ts"
import type { ApiTokens } from "./ApiTokens.ts"
import { type Endpoint, serve } from "./Endpoint.ts"
import { type Answer, respond } from "./Envelope.ts"
import { noteFailed } from "./FailedRequests.ts"
import * as Gate from "./Gate.ts"
import { getPublicKey } from "./GetPublicKey.ts"
import { getSubscriptionStatus } from "./GetSubscriptionStatus.ts"
import type { Intake } from "./Intake.ts"
import { Limits } from "./Limits.ts"
import { methodNotAllowed } from "./MethodNotAllowed.ts"
import { readiness, wordOf } from "./Readiness.ts"
import { type RegisterServices, registerDevice } from "./RegisterDevice.ts"
import { routerApp } from "./RouterApp.ts"
import { TokenBuckets } from "./TokenBuckets.ts"
import { unregister } from "./Unregister.ts"
import { updateDeviceToken } from "./UpdateDeviceToken.ts"

/** What the public routes need. */
export type DeviceServices =
  | Settings
  | RegisterServices
  | MasterKey
  | RsaKeys
  | KeyPool
  | ApiTokens
  | Intake
  | Limits
  | Ownership

/** What the public listener serves besides Exchange's callback; give it to `PublicListener`. */
export const app: Effect.Effect<
  HttpApp.Default<never, Scope.Scope>,
  never,
  DeviceServices | Scope.Scope
> = Effect.gen(function* () {
  const settings = yield* Settings
  return yield* routerApp(
    layer,
    Effect.as(Effect.provideService(noteFailed, Limits, yield* Limits), notFound(settings))
  )
})

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
      const room = yield* Gate.make(settings.limits.registrations)
      const registering = { ...noting(registerDevice), room }
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
            : Effect.as(Effect.provide(noteFailed, services), wrongMethod(request.method, method))
        )
      }
      const endpoint = <A extends { readonly userId: UserId }>(
        base: string,
        it: Endpoint<A, DeviceServices>
      ) => add(`/${base.slice(1)}/${it.name}`, "POST", serve(it, gate))

      for (const base of settings.basePaths) {
        yield* endpoint(base, getPublicKey)
        yield* endpoint(base, registering)
        yield* endpoint(base, getSubscriptionStatus)
        yield* endpoint(base, updateDeviceToken)
        yield* endpoint(base, unregister)
        yield* add(
          `/${base.slice(1)}/alive`,
          "GET",
          Effect.sync(() => alive(settings))
        )
        // Exchange's POST never comes this far, see PublicListener.
        yield* add(
          `/${base.slice(1)}/pushnotificationlistener`,
          "POST",
          Effect.as(noteFailed, notFound(settings))
        )
      }
      yield* add("/healthz", "GET", Effect.succeed(HttpServerResponse.text("ok\n")))
      yield* add(
        "/readyz",
        "GET",
        Effect.map(readiness, (state) =>
          HttpServerResponse.text(`${wordOf(state)}\n`, { status: state.ready ? 200 : 503 })
        ).pipe(Effect.provideService(Storage, yield* rarelyPinged))
      )
    })
  )

/** Requests under way at once, most of them registrations that wait for Exchange: cheap, but not for nothing. */
const MAX_IN_FLIGHT = 5000

/** A registration that succeeds is what a new user's key was made for. */
const noting = (it: typeof registerDevice): Endpoint<RegisterDeviceRequest, RegisterServices> => ({
  ...it,
  handle: (call, request) =>
    Effect.tap(it.handle(call, request), (answer) =>
      REGISTERED.has(answer.code)
        ? Effect.flatMap(Limits, ({ newUsers }) =>
            Effect.map(Clock.currentTimeMillis, (now) =>
              newUsers.giveBack(call.tenant.tenant, request.userId, now)
            )
          )
        : Effect.void
    )
})

const REGISTERED: ReadonlySet<Answer["code"]> = new Set([
  "UserSubscribed",
  "UserAlreadySubscribed",
  "Success"
])

/** Anybody may ask for readiness as often as he likes: above some times a second he hears what storage said last. */
const rarelyPinged = Effect.map(Storage, (storage): Storage["Type"] => {
  const pings = new TokenBuckets({ count: 20, per: 1000, burst: 20 })
  let last: Storage["Type"]["ping"] = storage.ping
  return {
    ...storage,
    ping: Effect.flatMap(Clock.currentTimeMillis, (now) =>
      pings.take("ping", now) > 0
        ? Effect.suspend(() => last)
        : Effect.onExit(storage.ping, (exit) =>
            Effect.sync(() => {
              if (!Exit.isInterrupted(exit)) last = exit
            })
          )
    )
  }
})

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
