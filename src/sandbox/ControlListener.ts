import { Effect, type Scope } from "effect"
import { type CannotListen, type Handler, type Listener, type ListenerOptions, listen } from "./Listener.ts"

export interface ControlledOptions extends ListenerOptions {
  /**
   * The control interface on a port of its own, with plain http on loopback; 0 takes a free one. Default: on the main
   * listener, but with TLS on a free port, so that curl needs no certificates.
   */
  readonly controlPort?: number
}

/** A stand-in's own listener, and the one that serves its control interface: often the same. */
export interface Controlled {
  readonly main: Listener
  readonly control: Listener
}

/** `serve` gets what to do with requests that are not its own. */
export const listenWithControl = (
  options: ControlledOptions,
  serve: (otherwise: Handler) => Handler,
  serveControl: Handler
): Effect.Effect<Controlled, CannotListen, Scope.Scope> =>
  Effect.gen(function* () {
    if (options.controlPort === undefined && options.tls === undefined) {
      const main = yield* listen(options, serve(serveControl))
      return { main, control: main }
    }
    const main = yield* listen(options, serve(notFound))
    return { main, control: yield* listen({ port: options.controlPort ?? 0 }, serveControl) }
  })

/** There is nothing at this path. */
export const notFound: Handler = (_, outgoing) => {
  outgoing.writeHead(404).end()
}
