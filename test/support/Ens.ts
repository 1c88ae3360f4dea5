import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { run } from "../../src/cli/Command.ts"

/** The command line as a process of its own, for what only a process has: standard input, exit code, streams. */
NodeRuntime.runMain(Effect.provide(run(process.argv), NodeContext.layer), { disableErrorReporting: true })
