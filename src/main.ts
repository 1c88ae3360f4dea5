#!/usr/bin/env node
import { Command } from "@effect/cli"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { Effect } from "effect"
import { demoCommand } from "./cli/DemoCommand.ts"
import { sandboxCommand } from "./cli/SandboxCommand.ts"
import { startCommand } from "./cli/StartCommand.ts"

const ens = Command.make("ens").pipe(Command.withSubcommands([startCommand, demoCommand, sandboxCommand]))

NodeRuntime.runMain(
  Command.run(ens, { name: "ens", version: "1.0.0" })(process.argv).pipe(Effect.provide(NodeContext.layer))
)
