import { Args, Command } from "@effect/cli"
import { Console, Effect } from "effect"
import { Storage } from "../../layers/storage/Storage.ts"
import { isTokenId, storedId } from "./AdminTokens.ts"
import { withAudit } from "./Audited.ts"
import { CommandProblem } from "./CommandProblem.ts"
import { configFile, json } from "./CommonOptions.ts"
import { refreshTokensOfService } from "./TellService.ts"

const id = Args.text({ name: "ID" }).pipe(Args.withDescription("As `ens token list` shows it"))

/**
 * `ens token revoke ID`: phones with this API token are refused from now on (by other nodes within 20 seconds); users and
 * subscriptions stay. An admin token opens the console no more.
 */
export const revokeCommand = Command.make("revoke", { id, configFile, json }, (given) =>
  Effect.gen(function* () {
    const admin = storedId(given.id)
    const told = yield* withAudit(
      given.configFile,
      // Who pastes the token itself must not have it in the records, nor on the screen.
      { action: "token.revoke", target: isTokenId(given.id) ? given.id : "" },
      Effect.gen(function* () {
        if (!isTokenId(given.id))
          return yield* new CommandProblem({
            problem: "ID must be like 3 or admin-3, as ens token list shows it; it is not the token itself"
          })
        const storage = yield* Storage
        const revoked = yield* admin === undefined
          ? storage.revokeToken(given.id)
          : storage.revokeAdminToken(admin)
        if (!revoked)
          return yield* new CommandProblem({ problem: `there is no token ${given.id}; see: ens token list` })
        return admin === undefined && (yield* refreshTokensOfService)
      })
    )
    yield* Console.log(
      given.json
        ? JSON.stringify({ id: given.id, revoked: true })
        : admin !== undefined
          ? `admin token ${given.id} is revoked; it opens the console no more`
          : `token ${given.id} is revoked; ${told ? "the service here refuses it from now on, others" : "a running service refuses it"} within 20 seconds`
    )
  })
).pipe(Command.withDescription("Revoke an API token, whose users stay, or an admin token"))
