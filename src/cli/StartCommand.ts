import { Command } from "@effect/cli"
import { Option } from "effect"
import { start } from "../Start.ts"
import { configFile } from "./CommonOptions.ts"

/** `ens start`: the service. */
export const startCommand = Command.make("start", { configFile }, ({ configFile }) =>
  start(Option.getOrUndefined(configFile))
).pipe(Command.withDescription("Run the service; settings come from the environment (see: ens config)"))
