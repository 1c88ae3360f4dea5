import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import type { Fault } from "../Fault.ts"

const LOCK_HOLDER = fileURLToPath(new URL("../LockHolder.ts", import.meta.url))

/** Another process has the lock of the database: nothing can be written. */
export const locked: Fault = {
  name: "storage locked",
  survives: true,
  run: ({ database, journal, minutes }, random) =>
    Effect.acquireUseRelease(
      Effect.sync(() =>
        spawn(process.execPath, [LOCK_HOLDER, database], { stdio: ["pipe", "pipe", "inherit"] })
      ),
      (holder) =>
        Effect.gen(function* () {
          yield* Effect.async<void>((resume) => {
            holder.stdout.once("data", () => resume(Effect.void))
            holder.once("exit", () => resume(Effect.void))
          })
          const writable = journal.unwritable()
          yield* Effect.sleep(minutes(random.between(0.5, 5)))
          writable()
        }),
      (holder) =>
        Effect.async<void>((resume) => {
          if (holder.exitCode !== null) return resume(Effect.void)
          holder.once("exit", () => resume(Effect.void))
          holder.stdin.end()
        })
    )
}
