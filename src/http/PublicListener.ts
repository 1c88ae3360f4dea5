import { createServer, type Server as HttpServer, type RequestListener, type ServerOptions } from "node:http"
import type { Server as HttpsServer } from "node:https"
import type { AddressInfo } from "node:net"
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Context, Effect, Layer, Option, Schedule, type Scope } from "effect"
import { BODY_LIMIT } from "../../schemas/BodyLimit.ts"
import { Settings, type SettingsShape } from "../../schemas/Settings.ts"
import { makeAdmission } from "./Admission.ts"
import { ApiTokens } from "./ApiTokens.ts"
import { CallbackListener } from "./CallbackListener.ts"
import { clientCertificates } from "./ClientCertificates.ts"
import { boundConnections } from "./Connections.ts"
import { Intake } from "./Intake.ts"
import { Limits } from "./Limits.ts"
import { ListenError } from "./ListenError.ts"
import { tlsFiles } from "./TlsIdentity.ts"
import { makeTlsServer } from "./TlsListener.ts"
import type { TlsProblem } from "./TlsProblem.ts"

/** The listener that Exchange and the phones talk to. */
export class PublicListener extends Context.Tag("ens/PublicListener")<
  PublicListener,
  {
    /** The port really listened on. */
    readonly port: number
    /**
     * Closes the intake: whoever comes now hears 503. Waits at most 5 s for the answers that are owed, gives callbacks that
     * are left back to Exchange (503), then closes the listener and cuts what is left. Happens once, and by itself when the
     * scope closes; whoever stops the actors does it first.
     */
    readonly drain: Effect.Effect<void>
  }
>() {}

/** Half of what stopping may take in all, see `Stopping.ts`; the rest is for actors and storage. */
const DRAIN_TIME = "5 seconds"
/** For answers that are on their way out. */
const CLOSE_TIME = "500 millis"

/** Neither Node nor Effect limits these tightly enough, or at all, by itself. Milliseconds. */
const LIMITS: ServerOptions = {
  // Exchange keeps its connections; if we closed one just as it sends, it would try again only 30 s later.
  keepAliveTimeout: 120_000,
  headersTimeout: 15_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 5_000,
  maxHeaderSize: 16 * 1024,
  keepAlive: true,
  keepAliveInitialDelay: 60_000,
  noDelay: true
}
/** Above any answer we owe (30 s for a registration): a peer that stops reading is cut off. */
const INACTIVITY = 60_000
/** A kept connection is not kept for ever, so that load balancers can spread them anew. */
const REQUESTS_PER_SOCKET = 10_000
const HEADERS_MAX = 100
/** Connections that wait to be taken; what strangers pile up in a busy moment costs others a second. Linux allows 4096. */
const BACKLOG = 4_096
/** A year, and of this name alone: what else an organisation has below it is not ours to decide. RFC 6797. */
const ONLY_TLS = "max-age=31536000"

/** Opens the listener: callbacks go to `CallbackListener`, everything else to `app`. */
export const make = <E, R>(
  app: HttpApp.Default<E, R>
): Effect.Effect<
  PublicListener["Type"],
  ListenError | TlsProblem,
  | Settings
  | ApiTokens
  | CallbackListener
  | Intake
  | Limits
  | Scope.Scope
  | Exclude<R, HttpServerRequest.HttpServerRequest | Scope.Scope>
> =>
  Effect.gen(function* () {
    const settings = yield* Settings
    const callbacks = yield* CallbackListener
    const intake = yield* Intake
    const limits = yield* Limits
    const { knows } = yield* ApiTokens
    const clock = yield* Effect.clock
    const now = () => clock.unsafeCurrentTimeMillis()
    const refusesTooMuch = makeAdmission({ settings, limits, knows, now })
    const rest = yield* NodeHttpServer.makeHandler(
      // A backstop: the connection is cut. Routes that owe a 413 read the stream.
      HttpIncomingMessage.withMaxBodySize(app, Option.some(BODY_LIMIT))
    )
    /** Requests besides callbacks that are not answered yet. */
    let owed = 0
    const refusesStranger = yield* clientCertificates(settings)
    const isOnlyTls = tlsFiles(settings.tls).length > 0 || settings.publicUrl.startsWith("https:")
    const server = yield* makeServer(settings, (request, response) => {
      if (refusesStranger?.(request, response)) return
      if (callbacks.take(request, response)) return
      // Exchange would not heed it, so that callbacks are spared it.
      if (isOnlyTls) response.setHeader("Strict-Transport-Security", ONLY_TLS)
      if (!intake.isOpen()) response.shouldKeepAlive = false
      if (refusesTooMuch(request, response)) return
      if (intake.isOpen()) {
        owed++
        response.once("close", () => owed--)
      }
      rest(request, response)
    })
    boundConnections(server, settings.limits, limits, now)
    const nobodyWaits = connectionsGone(server)
    const isQuiet = Effect.sync(() => owed === 0 && callbacks.inHand() === 0)
    // Still listening meanwhile, so that load balancers hear of it, and Exchange a 503.
    const settled = Effect.raceFirst(
      Effect.interruptible(nobodyWaits),
      Effect.interruptible(
        Effect.repeat(isQuiet, { until: (quiet) => quiet, schedule: Schedule.spaced("20 millis") })
      )
    )
    const stop = Effect.timeoutOption(Effect.interruptible(settled), DRAIN_TIME).pipe(
      Effect.zipRight(callbacks.giveBack),
      Effect.zipRight(close(server))
    )
    const drain = yield* Effect.cached(
      Effect.zipRight(
        intake.close,
        Effect.suspend(() => (server.listening ? stop : Effect.void))
      )
    )
    yield* Effect.acquireRelease(listen(server, settings.host, settings.port), () => drain)
    return { port: (server.address() as AddressInfo).port, drain }
  })

export const layer = <E, R>(
  app: HttpApp.Default<E, R>
): Layer.Layer<
  PublicListener,
  ListenError | TlsProblem,
  | Settings
  | ApiTokens
  | CallbackListener
  | Intake
  | Limits
  | Exclude<R, HttpServerRequest.HttpServerRequest | Scope.Scope>
> => Layer.scoped(PublicListener, make(app))

type Server = HttpServer | HttpsServer

const makeServer = (
  settings: SettingsShape,
  listener: RequestListener
): Effect.Effect<Server, TlsProblem, Scope.Scope> =>
  Effect.gen(function* () {
    const isPlain = tlsFiles(settings.tls).length === 0
    const server = isPlain ? createServer(LIMITS, listener) : yield* makeTlsServer(settings, LIMITS, listener)
    server.maxRequestsPerSocket = REQUESTS_PER_SOCKET
    server.maxHeadersCount = HEADERS_MAX
    server.timeout = INACTIVITY
    return server
  })

const listen = (server: Server, host: string, port: number): Effect.Effect<void, ListenError> =>
  Effect.async((resume) => {
    const failed = (error: NodeJS.ErrnoException) =>
      resume(Effect.fail(new ListenError({ host, port, setting: "ENS", code: error.code ?? error.name })))
    server.once("error", failed)
    server.listen({ host, port, backlog: BACKLOG }, () => {
      server.off("error", failed)
      resume(Effect.void)
    })
  })

/** Waits until the server has no connection. To be called before it has any. */
const connectionsGone = (server: Server): Effect.Effect<void> => {
  let open = 0
  let gone = () => {}
  server.on("connection", (socket) => {
    open++
    socket.once("close", () => {
      if (--open === 0) gone()
    })
  })
  return Effect.async((resume) => {
    gone = () => resume(Effect.void)
    if (open === 0) gone()
  })
}

/** Connections end after the answer in hand; those kept without a request are closed as they become so. */
const close = (server: Server): Effect.Effect<void> => {
  const closed = Effect.async<void>((resume) => {
    server.close(() => resume(Effect.void))
  })
  const closeIdle = Effect.sync(() => server.closeIdleConnections()).pipe(
    Effect.repeat(Schedule.spaced("50 millis").pipe(Schedule.upTo(CLOSE_TIME)))
  )
  // Finalizers cannot be interrupted, and what they fork cannot either unless it is allowed to.
  return Effect.raceFirst(Effect.interruptible(closed), Effect.interruptible(closeIdle)).pipe(
    Effect.zipRight(Effect.sync(() => server.closeAllConnections()))
  )
}
