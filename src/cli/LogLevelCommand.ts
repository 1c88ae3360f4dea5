import { Args, Command, Options } from "@effect/cli"
import { Clock, Console, Duration, Effect, Either, Option, Schema } from "effect"
import { Settings } from "../../schemas/Settings.ts"
import { duration } from "../config/Parse.ts"
import { LEVEL_CHANGED, LogLevelNow, LogLevelWish } from "../http/ChangeLogLevel.ts"
import { withSettings } from "./Administer.ts"
import { auditedAside } from "./AuditedAside.ts"
import { CommandProblem, UsageProblem } from "./CommandProblem.ts"
import { configFile, json } from "./CommonOptions.ts"
import { askService } from "./TellService.ts"

type Level = (typeof LogLevelNow.Type)["level"]

const level = Args.choice<Level>(
  [
    ["trace", "trace"],
    ["debug", "debug"],
    ["info", "info"],
    ["warning", "warning"],
    ["error", "error"]
  ],
  { name: "trace|debug|info|warning|error" }
).pipe(
  Args.withDescription("What the running service logs from now on; without it the present level is shown"),
  Args.optional
)

const options = {
  for: Options.text("for").pipe(
    Options.withDescription(
      'Time after which the level of the settings is back, like "10 minutes" (default: with the next start)'
    ),
    Options.optional
  ),
  configFile,
  json
}

/** `ens log-level [LEVEL] [--for DURATION]`: the level of the service that runs on this machine with the same settings. */
export const logLevelCommand = Command.make("log-level", { level, ...options }, (given) =>
  Effect.gen(function* () {
    const millis = yield* Effect.transposeMapOption(given.for, forHowLong)
    if (Option.isSome(millis) && Option.isNone(given.level))
      return yield* new UsageProblem({
        problem: "--for goes with a level: ens log-level debug --for '10 minutes'"
      })
    const wish = Option.map(given.level, (level) => ({ level, millis: Option.getOrUndefined(millis) }))
    const now = yield* withSettings(
      given.configFile,
      Option.match(wish, { onNone: () => shown, onSome: changed })
    )
    yield* Console.log(
      given.json
        ? JSON.stringify({ level: now.level, until: now.until === null ? null : isoOf(now.until) })
        : now.until === null
          ? now.level
          : `${now.level} until ${isoOf(now.until)}`
    )
  })
).pipe(Command.withDescription("Show or change what the running service logs"))

const shown = Effect.flatMap(askService("GET", "/log-level"), understood)

const changed = ({ level, millis }: { readonly level: Level; readonly millis: number | undefined }) =>
  auditedAside(
    { action: LEVEL_CHANGED, target: level },
    Effect.gen(function* () {
      const until = millis === undefined ? undefined : (yield* Clock.currentTimeMillis) + millis
      const wish = yield* Effect.orDie(
        Schema.encode(LogLevelWish)({ level, ...(until === undefined ? {} : { until }) })
      )
      return yield* Effect.flatMap(askService("PUT", "/log-level", wish), understood)
    })
  )

function understood(answer: { readonly status: number; readonly body: string } | undefined) {
  return Effect.gen(function* () {
    const { adminHost, adminPort } = yield* Settings
    const where = `${adminHost}:${adminPort}`
    if (answer === undefined)
      return yield* problem(
        `no service answers at ${where} (ENS_ADMIN_HOST, ENS_ADMIN_PORT); start it, or give this command the same settings with --config`
      )
    if (answer.status !== 200)
      return yield* problem(
        `the service at ${where} refuses (HTTP ${answer.status}${answer.status === 404 ? ", it may be an older version" : `, ${answer.body.trim()}`})`
      )
    return yield* Effect.mapError(
      Schema.decode(Schema.parseJson(LogLevelNow))(answer.body),
      () => new CommandProblem({ problem: `what answers at ${where} is no ENS; correct ENS_ADMIN_PORT` })
    )
  })
}

const forHowLong = (text: string) =>
  Either.match(duration(Duration.seconds(1), Duration.days(365))(text.trim()), {
    onLeft: (must) => Effect.fail(new UsageProblem({ problem: `--for ${must}` })),
    onRight: Effect.succeed
  })

const problem = (text: string) => Effect.fail(new CommandProblem({ problem: text }))

const isoOf = (at: number) => new Date(at).toISOString()
