import { Command } from "@effect/cli"
import { createCommand } from "./TokenCreate.ts"
import { listCommand } from "./TokenList.ts"
import { revokeCommand } from "./TokenRevoke.ts"
import { rotateCommand } from "./TokenRotate.ts"

/** `ens token create|list|rotate|revoke`: the API tokens that phones present, and the admin tokens that open the console. */
export const tokenCommand = Command.make("token").pipe(
  Command.withDescription(
    "API tokens for phones, with their tenants and EWS URLs, and admin tokens for the console"
  ),
  Command.withSubcommands([createCommand, listCommand, rotateCommand, revokeCommand])
)
