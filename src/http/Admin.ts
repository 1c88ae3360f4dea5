import { createServer, type RequestListener, type ServerOptions } from "node:http"
import * as HttpApiSwagger from "@effect/platform/HttpApiSwagger"
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as OpenApi from "@effect/platform/OpenApi"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Effect, Layer, Option, type Scope } from "effect"
import { Subscriptions } from "../../actors/Subscriptions.ts"
import type { Ownership } from "../../layers/ownership/Ownership.ts"
import type { Push } from "../../layers/push/Push.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import * as Prometheus from "../../layers/telemetry/Prometheus.ts"
import { Settings } from "../../schemas/Settings.ts"
import { instanceId, version } from "../Instance.ts"
import { gatewayDetails, iso, measureGateways } from "./AdminGateways.ts"
import { plainHttpTo } from "./AdminReach.ts"
import type { ApiTokens } from "./ApiTokens.ts"
import { changeLogLevel } from "./ChangeLogLevel.ts"
import * as Console from "./console/Console.ts"
import { BODY_MAX } from "./console/JsonBody.ts"
import { deviceApi } from "./DeviceApiDescription.ts"
import type { Intake } from "./Intake.ts"
import { ListenError } from "./ListenError.ts"
import { readiness } from "./Readiness.ts"
import { refreshTokens } from "./RefreshTokens.ts"
import { routerApp } from "./RouterApp.ts"
import { measure } from "./ScrapeMetrics.ts"
import { troubleDetails } from "./TroublesNow.ts"

/** What the admin listener looks at. */
export type AdminServices = Settings | Storage | Subscriptions | Push | Intake | ApiTokens | Ownership

/** `/metrics`, `/readyz` with details, `/healthz`, `/openapi.json`, `/docs` and `/console`; for administrators, without secrets. */
export const routes: Layer.Layer<never, never, HttpLayerRouter.HttpRouter | AdminServices> =
  Layer.unwrapEffect(
    Effect.gen(function* () {
      const settings = yield* Settings
      const services = yield* Effect.context<AdminServices>()
      const origin = new URL(settings.publicUrl).origin
      const api = deviceApi(settings.basePaths.map((base) => origin + base))
      const specification = OpenApi.fromApi(api)
      return Layer.mergeAll(
        HttpLayerRouter.add("GET", "/metrics", Effect.provide(metrics, services)),
        HttpLayerRouter.add("GET", "/readyz", Effect.provide(details, services)),
        HttpLayerRouter.add("GET", "/healthz", Effect.succeed(HttpServerResponse.text("ok\n"))),
        HttpLayerRouter.add(
          "GET",
          "/openapi.json",
          Effect.succeed(HttpServerResponse.unsafeJson(specification))
        ),
        HttpApiSwagger.layerHttpLayerRouter({ api, path: "/docs" }),
        refreshTokens,
        changeLogLevel,
        Console.routes
      )
    })
  )

const metrics = measure.pipe(
  Effect.zipRight(measureGateways),
  Effect.zipRight(Prometheus.scrape),
  Effect.map((text) => HttpServerResponse.text(text, { contentType: Prometheus.CONTENT_TYPE }))
)

const details = Effect.gen(function* () {
  const state = yield* readiness
  const storage = yield* Storage
  const subscriptions = yield* Effect.flatMap(Subscriptions, ({ count }) => count)
  const outbox = yield* Effect.orElseSucceed(storage.outboxSize, () => null)
  return HttpServerResponse.unsafeJson(
    {
      ...state,
      database: storage.location,
      subscriptions,
      outbox: outbox && { entries: outbox.entries, oldest: iso(outbox.oldest) },
      // Reported, but no reason to be not ready: devices lose nothing while a gateway is away.
      gateways: yield* gatewayDetails,
      troubles: yield* troubleDetails(state),
      version,
      instanceId
    },
    { status: state.ready ? 200 : 503 }
  )
})

/** The same as an app, to be tried without a socket. */
export const app: Effect.Effect<
  HttpApp.Default<never, Scope.Scope>,
  never,
  AdminServices | Scope.Scope
> = Effect.flatMap(Settings, (settings) =>
  Effect.map(routerApp(routes, notFound(settings)), (app) =>
    app.pipe(
      Effect.map(HttpServerResponse.setHeaders(APART)),
      HttpIncomingMessage.withMaxBodySize(Option.some(BODY_MAX))
    )
  )
)

/** What shares the console's origin is no help against it either; the console's own answers say more. */
const APART = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin"
}

const notFound = ({ console }: Pick<Settings["Type"], "console">) =>
  HttpServerResponse.text(
    `nothing here; try ${console === "on" ? "/console, " : ""}/metrics, /readyz, /openapi.json or /docs\n`,
    { status: 404 }
  )

/** Nobody has more to say here. Node by itself waits for minutes, and Effect takes bodies of any size. Milliseconds. */
const LIMITS: ServerOptions = {
  headersTimeout: 15_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 5_000,
  maxHeaderSize: 16 * 1024
}
/** Above any answer we owe: a peer that stops reading is cut off. */
const INACTIVITY = 60_000

/** The admin listener on `ENS_ADMIN_HOST` and `ENS_ADMIN_PORT`. */
export const layer: Layer.Layer<never, ListenError, AdminServices> = Layer.unwrapEffect(
  Effect.map(Settings, (settings) => {
    const { adminHost, adminPort } = settings
    const starting: RequestListener = (_request, response) => {
      if (listener.listenerCount("request") > 1) return
      response.writeHead(503, { "content-type": "text/plain", connection: "close" }).end("starting\n")
    }
    // Until there is more to say: a request that nobody hears is never answered.
    const listener = createServer(LIMITS, starting)
    listener.timeout = INACTIVITY
    // Whoever is connected would otherwise be waited for, perhaps for minutes.
    const hangUp = Effect.sync(() => {
      listener.on("connection", (socket) => socket.destroy())
      listener.closeAllConnections()
    })
    const server = NodeHttpServer.layer(() => listener, { host: adminHost, port: adminPort }).pipe(
      Layer.mapError(({ cause }) => {
        const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown"
        return new ListenError({ host: adminHost, port: adminPort, setting: "ENS_ADMIN", code })
      })
    )
    const open = plainHttpTo(settings)
    const warned = open === undefined ? Effect.void : Effect.logWarning(`the admin listener is open: ${open}`)
    const serve = Effect.flatMap(app, (admin) =>
      Effect.zipRight(
        HttpServer.serveEffect(admin),
        Effect.sync(() => listener.off("request", starting))
      )
    )
    return Layer.scopedDiscard(
      Effect.zipRight(
        Effect.zipRight(warned, serve),
        Effect.addFinalizer(() => hangUp)
      )
    ).pipe(Layer.provide(server))
  })
)
