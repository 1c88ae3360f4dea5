import { Command } from "@effect/cli"
import { createCommand } from "./TokenCreate.ts"
import { listCommand } from "./TokenList.ts"
import { revokeCommand } from "./TokenRevoke.ts"

/** `ens token create|list|revoke`: the API tokens that phones present. */
export const tokenCommand = Command.make("token").pipe(
  Command.withDescription("API tokens, and the EWS endpoints of their tenants"),
  Command.withSubcommands([createCommand, listCommand, revokeCommand])
)
