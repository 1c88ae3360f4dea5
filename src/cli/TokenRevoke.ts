import { Args, Command } from "@effect/cli"
import { Console, Effect } from "effect"
import { Storage } from "../../layers/storage/Storage.ts"
import { withStorage } from "./Administer.ts"
import { CommandProblem } from "./CommandProblem.ts"
import { configFile, json } from "./CommonOptions.ts"
import { refreshTokensOfService } from "./TellService.ts"

const id = Args.text({ name: "ID" }).pipe(Args.withDescription("As `ens token list` shows it"))

/** `ens token revoke ID`: phones with this token are refused from now on (by other nodes within a minute); users and subscriptions stay. */
export const revokeCommand = Command.make("revoke", { id, configFile, json }, (given) =>
  Effect.gen(function* () {
    const { revoked, told } = yield* withStorage(
      given.configFile,
      Effect.gen(function* () {
        const revoked = yield* (yield* Storage).revokeToken(given.id)
        return { revoked, told: revoked && (yield* refreshTokensOfService) }
      })
    )
    if (!revoked) {
      return yield* new CommandProblem({ problem: `there is no token ${given.id}; see: ens token list` })
    }
    yield* Console.log(
      given.json
        ? JSON.stringify({ id: given.id, revoked })
        : `token ${given.id} is revoked; ${told ? "the service here refuses it from now on, others" : "a running service refuses it"} within a minute`
    )
  })
).pipe(Command.withDescription("Revoke an API token; its users stay"))
