import { Command } from "@effect/cli"
import { rotateCommand } from "./SecretRotate.ts"
import { sealCommand } from "./SecretSeal.ts"

/** `ens secret`: secrets at rest. */
export const secretCommand = Command.make("secret").pipe(
  Command.withDescription("Secrets at rest: sealed settings and the master key"),
  Command.withSubcommands([sealCommand, rotateCommand])
)
