import { Effect, Layer, Schedule } from "effect"
import type { MasterKey } from "../layers/crypto/MasterKey.ts"
import * as MasterKeyCheck from "../layers/storage/MasterKeyCheck.ts"
import type { Storage } from "../layers/storage/Storage.ts"

/**
 * Looks again, when this node becomes the active one, whether the master key is still the database's: it may have been
 * replaced while the node was a standby. A node with the old key would break what it touches, so it ends (`end`), and
 * nothing on top of this layer is ever built.
 */
export const layer = (
  end: Effect.Effect<unknown> = Effect.suspend(() => endProcess)
): Layer.Layer<never, never, Storage | MasterKey> =>
  Layer.effectDiscard(
    MasterKeyCheck.check.pipe(
      Effect.retry({
        while: ({ _tag }) => _tag === "StorageError",
        schedule: Schedule.spaced("1 second")
      }),
      Effect.catchAll((error) =>
        Effect.logFatal(`this node must not be active and stops: ${error.message}`).pipe(
          Effect.zipRight(end),
          Effect.zipRight(Effect.never)
        )
      )
    )
  )

/** As a signal does, so that the lease is given back; but as a failure, so that supervisors start it again or tell somebody. */
const endProcess = Effect.sync(() => {
  process.exitCode = 1
  process.kill(process.pid, "SIGTERM")
})
