import { Command } from "@effect/cli"
import { cnsCommand } from "./SandboxCns.ts"
import { deviceCommand } from "./SandboxDevice.ts"
import { exchangeCommand } from "./SandboxExchange.ts"
import { apnsCommand, fcmCommand, snsCommand } from "./SandboxPush.ts"
import { segCommand } from "./SandboxSeg.ts"

/** `ens sandbox exchange|seg|cns|apns|fcm|sns|device`: the stand-ins alone. */
export const sandboxCommand = Command.make("sandbox").pipe(
  Command.withDescription("Stand-ins for trying things out"),
  Command.withSubcommands([
    exchangeCommand,
    segCommand,
    cnsCommand,
    apnsCommand,
    fcmCommand,
    snsCommand,
    deviceCommand
  ])
)
