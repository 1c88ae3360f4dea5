import * as NodeContext from "@effect/platform-node/NodeContext"
import { Effect } from "effect"
import { run } from "./cli/Command.ts"
import { teardown } from "./cli/ExitCode.ts"
import { runMain } from "./Ending.ts"
import { endOnUncaught, warnWithoutText } from "./Uncaught.ts"

/** The command line, as the process `ens`. Loaded by `main.ts` once Node has the flags it needs. */

// `ens … | head` closes the pipe early; that is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1))

endOnUncaught()
warnWithoutText()
runMain(Effect.provide(run(process.argv), NodeContext.layer), { disableErrorReporting: true, teardown })
