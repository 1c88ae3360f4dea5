import { Command } from "@effect/cli"
import { createCommand } from "./TokenCreate.ts"
import { listCommand } from "./TokenList.ts"
import { revokeCommand } from "./TokenRevoke.ts"

/** `ens token create|list|revoke`: the API tokens that phones present, and the admin tokens that open the console. */
export const tokenCommand = Command.make("token").pipe(
  Command.withDescription(
    "API tokens for phones, the EWS endpoints of their tenants, admin tokens for the console"
  ),
  Command.withSubcommands([createCommand, listCommand, revokeCommand])
)
