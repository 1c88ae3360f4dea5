import { Command } from "@effect/cli"
import { runCns } from "../sandbox/Run.ts"
import { deviceCommand } from "./SandboxDevice.ts"
import { exchangeCommand } from "./SandboxExchange.ts"
import { host, port } from "./SandboxOptions.ts"
import { segCommand } from "./SandboxSeg.ts"

const cnsCommand = Command.make("cns", { host, port: port(8091) }, runCns).pipe(
  Command.withDescription("A CNS that takes notifications and prints them")
)

/** `ens sandbox exchange|seg|cns|device`: the stand-ins alone. */
export const sandboxCommand = Command.make("sandbox").pipe(
  Command.withDescription("Stand-ins for trying things out"),
  Command.withSubcommands([exchangeCommand, segCommand, cnsCommand, deviceCommand])
)
