import { hostname, userInfo } from "node:os"
import { Context, Effect, Either, Exit, Layer, type Option } from "effect"
import { Storage } from "../../layers/storage/Storage.ts"
import * as Audit from "../../layers/telemetry/Audit.ts"
import type { Settings } from "../../schemas/Settings.ts"
import * as Service from "../Service.ts"
import { withSettings } from "./Administer.ts"

/** What of a command stands in the audit record; the target may be known only from the outcome. */
export interface Deed<A> {
  readonly action: string
  readonly target: string | ((done: A) => string)
}

/** Settings, database and keys for a command that changes something; how it ended is an audit record. */
export const withAudit = <A, E>(
  configFile: Option.Option<string>,
  deed: Deed<A>,
  command: Effect.Effect<A, E, Settings | Storage>
) => withSettings(configFile, audited(deed, Service.data, command))

/**
 * Opens storage and whatever else, runs the command with it, and records how that ended. If storage does not open, the
 * record of this failure is in `ENS_AUDIT_FILE` alone.
 */
export const audited = <A, E, R, ROut, LE, LR>(
  deed: Deed<A>,
  opening: Layer.Layer<ROut | Storage, LE, LR>,
  command: Effect.Effect<A, E, R>
): Effect.Effect<A, E | LE, Exclude<R, ROut | Storage> | LR | Settings> =>
  Effect.scoped(
    Effect.gen(function* () {
      const opened = yield* Effect.either(Layer.build(opening))
      if (Either.isLeft(opened)) {
        return yield* recorded(deed, Effect.fail(opened.left)).pipe(Effect.provide(Audit.layerWithoutStorage))
      }
      const storage = Context.unsafeGet(opened.right as Context.Context<Storage>, Storage)
      return yield* Effect.provide(recorded(deed, command), Audit.layer).pipe(
        Effect.provideService(Storage, storage),
        Effect.provide(opened.right)
      )
    })
  ) as Effect.Effect<A, E | LE, Exclude<R, ROut | Storage> | LR | Settings>

/** Runs the command, and records how it ended. A command that was interrupted has failed. */
export const recorded = <A, E, R>(
  { action, target }: Deed<A>,
  command: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | Audit.Audit> =>
  Effect.onExit(command, (exit) =>
    Effect.flatMap(Audit.Audit, (audit) =>
      audit.record({
        actor: actor(),
        action,
        target: typeof target === "string" ? target : Exit.isSuccess(exit) ? target(exit.value) : "",
        outcome: Exit.isSuccess(exit) ? "success" : "failure"
      })
    )
  )

/** Who runs this command, as far as the operating system knows. */
const actor = () => `cli:${osUser()}@${hostname()}`

const osUser = (): string => {
  try {
    return userInfo().username
  } catch {
    // A container may run as a number that has no name.
    return `uid ${process.getuid?.() ?? "unknown"}`
  }
}
