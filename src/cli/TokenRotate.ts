import { Args, Command, Options } from "@effect/cli"
import { Console, Duration, Effect, Either, Option, Redacted } from "effect"
import { Settings } from "../../schemas/Settings.ts"
import { OVERLAP_DAYS, OVERLAP_DAYS_MAX } from "../../schemas/TokenEnd.ts"
import { duration } from "../config/Parse.ts"
import { rotate } from "../TokenRotation.ts"
import * as AdminTokens from "./AdminTokens.ts"
import { withAudit } from "./Audited.ts"
import { CommandProblem, UsageProblem } from "./CommandProblem.ts"
import { configFile, json } from "./CommonOptions.ts"
import { refreshTokensOfService } from "./TellService.ts"

const id = Args.text({ name: "ID" }).pipe(Args.withDescription("As `ens token list` shows it"))
const overlap = Options.text("overlap").pipe(
  Options.withDescription(
    "For how long the old token stays valid beside the new one, like 7 days; 0 = it ends at once"
  ),
  Options.withDefault(`${OVERLAP_DAYS} days`)
)

/**
 * `ens token rotate ID`: makes a new token of the same tenant and label, prints it, this once only, and lets the old one end
 * after the overlap. An end that was set before is not put off.
 */
export const rotateCommand = Command.make("rotate", { id, overlap, configFile, json }, (given) =>
  Effect.gen(function* () {
    const millis = yield* overlapOf(given.overlap)
    const { replaced, told, url } = yield* withAudit(
      given.configFile,
      // Who pastes the token itself must not have it in the records, nor on the screen.
      { action: "token.rotate", target: AdminTokens.isTokenId(given.id) ? given.id : "" },
      Effect.gen(function* () {
        if (!AdminTokens.isTokenId(given.id))
          return yield* new CommandProblem({
            problem: "ID must be like 3 or admin-3, as ens token list shows it; it is not the token itself"
          })
        const replaced = yield* rotate(given.id, millis)
        if (Option.isNone(replaced))
          return yield* new CommandProblem({
            problem: `there is no token ${given.id}, or it has ended; see: ens token list`
          })
        const isAdmin = replaced.value.tenant === null
        const told = !isAdmin && (yield* refreshTokensOfService)
        return { replaced: replaced.value, told, url: AdminTokens.consoleUrl(yield* Settings) }
      })
    )
    const token = Redacted.value(replaced.token)
    const expiresAt = new Date(replaced.expiresAt).toISOString()
    const { id, label, replaces, tenant } = replaced
    if (given.json) {
      const of = tenant === null ? { label } : { tenant }
      return yield* Console.log(JSON.stringify({ id, ...of, token, replaces, expiresAt }))
    }
    const what =
      tenant === null
        ? `This is admin token ${id} (${label}). It is not shown again. ${AdminTokens.whereToEnter(url)}`
        : `This is token ${id} of tenant ${tenant}. It is not shown again: enter it as ENSAPIToken in the app's profile.`
    const old =
      millis > 0
        ? `Token ${replaces}, which it replaces, is valid until ${expiresAt}; ens token list shows when it was used last.`
        : tenant === null
          ? `Token ${replaces}, which it replaces, opens the console no more.`
          : `Token ${replaces}, which it replaces, has ended; ${told ? "the service here refuses it from now on, others" : "a running service refuses it"} within 20 seconds.`
    yield* Console.log(`${token}\n\n${what}\n${old}`)
  })
).pipe(Command.withDescription("Make a new token in the place of another one, which ends after an overlap"))

const overlapOf = (text: string) =>
  text.trim() === "0"
    ? Effect.succeed(0)
    : Either.match(duration(Duration.seconds(1), Duration.days(OVERLAP_DAYS_MAX))(text.trim()), {
        onLeft: () =>
          Effect.fail(
            new UsageProblem({
              problem: `--overlap must be 0 or a duration up to ${OVERLAP_DAYS_MAX} days, like "7 days" or "12 hours"`
            })
          ),
        onRight: Effect.succeed
      })
