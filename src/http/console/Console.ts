import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Layer } from "effect"
import * as Audit from "../../../layers/telemetry/Audit.ts"
import { Settings } from "../../../schemas/Settings.ts"
import { consoleAssets } from "../../console/Assets.ts"
import * as Sampler from "../../console/Sampler.ts"
import { type TestTimes, testTimes } from "../../console/SendTest.ts"
import { answerApi, refusal } from "./Api.ts"
import { problem } from "./ConsoleProblem.ts"
import * as ConsoleSessions from "./ConsoleSessions.ts"
import { type ConsoleServices, endpoints } from "./Endpoints.ts"
import { SECURITY_HEADERS } from "./Headers.ts"
import { makeHostCheck } from "./HostCheck.ts"
import { pageAt } from "./Pages.ts"

/** What the admin listener has for it. */
export type Needed = Exclude<
  ConsoleServices,
  Sampler.Sampler | Audit.Audit | ConsoleSessions.ConsoleSessions | TestTimes
>

/**
 * The console under `/console`: its pages for everybody who asks for this host by a name of its own, its API
 * (schemas/ConsoleApi.ts) for who has signed in. No routes if `ENS_CONSOLE` is `off`.
 */
export const routes: Layer.Layer<never, never, HttpLayerRouter.HttpRouter | Needed> = Layer.unwrapEffect(
  Effect.map(Settings, (settings) => (settings.console === "on" ? mounted : Layer.empty))
)

const mounted = HttpLayerRouter.use((router) =>
  Effect.gen(function* () {
    const services = yield* Effect.context<ConsoleServices>()
    const isOurs = makeHostCheck(yield* Settings)
    const assets = yield* consoleAssets
    const handler = Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      const path = request.url.split("?", 1)[0]!
      if (!isOurs(request.headers["host"])) return refusal(WRONG_HOST)
      const api = /^\/console\/api\/(.*?)\/?$/.exec(path)?.[1]
      if (api !== undefined) return yield* answerApi(endpoints, request, api)
      if (request.method !== "GET" && request.method !== "HEAD") return refusal(NO_METHOD)
      return pageAt(assets, path, request.headers) ?? NOT_FOUND
    }).pipe(Effect.provide(services))
    yield* router.add("*", "/console", handler)
    yield* router.add("*", "/console/*", handler)
  })
).pipe(
  Layer.provide(Layer.mergeAll(ConsoleSessions.layer, Sampler.layer, testTimes)),
  // Built once for both, so that sessions and actions tell the same file.
  Layer.provide(Audit.layer)
)

const WRONG_HOST = problem(
  421,
  "the console answers to an IP address, localhost, ENS_ADMIN_HOST or the host of ENS_PUBLIC_URL only; open it by one of these, or have the proxy in front send one as Host"
)
const NO_METHOD = problem(405, "only GET makes sense here")
const NOT_FOUND = HttpServerResponse.text("nothing here; the console is at /console\n", {
  status: 404,
  headers: SECURITY_HEADERS
})
