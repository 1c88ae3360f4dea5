import { Command, Options } from "@effect/cli"
import { Option } from "effect"
import { start } from "../Start.ts"

const configFile = Options.file("config").pipe(
  Options.withDescription("JSON file with settings, named as the environment variables"),
  Options.optional
)

/** `ens start`: the service. */
export const startCommand = Command.make("start", { configFile }, ({ configFile }) =>
  start(Option.getOrUndefined(configFile))
).pipe(Command.withDescription("Run the service; settings come from the environment (see: ens config)"))
