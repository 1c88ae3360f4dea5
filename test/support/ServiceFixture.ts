import { type Context, Effect, Exit, Layer, Scope } from "effect"
import * as Logging from "../../layers/telemetry/Logging.ts"
import * as Config from "../../src/Config.ts"
import * as Service from "../../src/Service.ts"
import type { Installation } from "./Installation.ts"

/** The service of an installation, running in this process on real sockets. */
export interface RunningService {
  readonly context: Context.Context<Layer.Layer.Success<typeof Service.layer>>
  /** Stops it as a signal would: intake closed, work finished, storage closed. At the latest it goes with the scope. */
  readonly stop: Effect.Effect<void>
}

/** Builds the whole service, with logging, from the installation's environment. */
export const startService = Effect.fnUntraced(function* (installation: Installation) {
  const outer = yield* Effect.scope
  const scope = yield* Scope.fork(outer, outer.strategy)
  const context = yield* Service.layer.pipe(
    Layer.provide(Logging.layer),
    Layer.provide(Config.layer({ environment: installation.environment })),
    Layer.buildWithScope(scope)
  )
  return { context, stop: Scope.close(scope, Exit.void) } satisfies RunningService
})
