import { Effect } from "effect"
import { SECRETS } from "./config/Table.ts"

/**
 * Takes secret settings out of the environment once they have been read, so that threads, other processes and reports do not
 * inherit them. What the process was started with stays in `/proc/<pid>/environ`, for its own account and root: `<name>_FILE`
 * and systemd's credentials leave nothing there.
 */
export const forgetSecrets: Effect.Effect<void> = Effect.sync(() => {
  for (const name of ["ENS_MASTER_KEY", ...SECRETS]) delete process.env[name]
})
