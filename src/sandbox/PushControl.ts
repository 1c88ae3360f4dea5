import { Effect, Schema, type Scope } from "effect"
import { type Commands, command, done, serveControl, type Views } from "./Control.ts"
import { notFound } from "./ControlListener.ts"
import { type CannotListen, type Listener, listen } from "./Listener.ts"
import { Outage, playOutage } from "./Outage.ts"
import type { PushDesk } from "./PushDesk.ts"
import { PushFault } from "./PushFaults.ts"
import type { ServerPort } from "./ServerPort.ts"
import type { Timers } from "./Timers.ts"

/** A running stand-in of a push service. */
export interface PushStandIn extends PushDesk {
  readonly url: string
  readonly controlUrl: string
  /** Refuses connections until `up`, which listens on the same port again. */
  readonly down: Effect.Effect<void>
  readonly up: Effect.Effect<void, CannotListen>
  /** Is down and up as it says, while the caller goes on. */
  readonly interrupt: (outage: Outage) => Effect.Effect<void>
}

/** Serves the control interface of one, on a port of its own and plain http, so that it outlives an outage; 0: a free one. */
export const listenForControl = <S extends PushStandIn>(
  port: number,
  standIn: () => S,
  commands: Commands<S> = {},
  views: Views<S> = {}
): Effect.Effect<Listener, CannotListen, Scope.Scope> =>
  listen({ port }, (incoming, outgoing) =>
    incoming.url?.startsWith("/sandbox/")
      ? serveControl(
          standIn(),
          { ...PUSH_COMMANDS, ...commands },
          { ...PUSH_VIEWS, ...views },
          incoming,
          outgoing
        )
      : notFound(incoming, outgoing)
  )

/** What takes this port down and up. */
export const outagesOf = (
  port: Pick<ServerPort, "down" | "up">,
  timers: Timers
): Effect.Effect<Pick<PushStandIn, "down" | "up" | "interrupt">, never, Scope.Scope> =>
  Effect.map(Effect.scope, (scope) => ({
    down: port.down,
    up: port.up,
    interrupt: (outage) =>
      // Refuses by the time that the caller hears of it.
      Effect.zipRight(port.down, Effect.asVoid(Effect.forkIn(playOutage(port, timers, outage), scope)))
  }))

const Told = Schema.Union(
  PushFault,
  Schema.extend(Schema.Struct({ kind: Schema.Literal("down") }), Outage),
  Schema.Struct({ kind: Schema.Literal("clear") })
)

const PUSH_COMMANDS: Commands<PushStandIn> = {
  faults: command(Told, (standIn, told) => {
    if (told.kind === "clear") return standIn.clearFaults.pipe(done)
    if (told.kind === "down") return standIn.interrupt(told).pipe(done)
    return standIn.addFault(told).pipe(done)
  })
}

const PUSH_VIEWS: Views<PushStandIn> = {
  state: (standIn) => ({
    url: standIn.url,
    received: standIn.received(),
    requests: standIn.requests()
  })
}
