import { stripVTControlCharacters } from "node:util"
import { CliConfig, Command, HelpDoc, ValidationError } from "@effect/cli"
import { Cause, Console, Effect } from "effect"
import { version } from "../Instance.ts"
import { CommandProblem } from "./CommandProblem.ts"
import { configCommand } from "./ConfigCommand.ts"
import { demoCommand } from "./DemoCommand.ts"
import { doctorCommand } from "./DoctorCommand.ts"
import { initCommand } from "./InitCommand.ts"
import { migrateCommand } from "./MigrateCommand.ts"
import { pinCommand } from "./PinCommand.ts"
import { sandboxCommand } from "./SandboxCommand.ts"
import { secretCommand } from "./SecretCommand.ts"
import { startCommand } from "./StartCommand.ts"
import { tokenCommand } from "./TokenCommand.ts"

const ens = Command.make("ens").pipe(
  Command.withDescription("Email Notification Service"),
  Command.withSubcommands([
    startCommand,
    demoCommand,
    initCommand,
    configCommand,
    tokenCommand,
    pinCommand,
    migrateCommand,
    doctorCommand,
    secretCommand,
    sandboxCommand
  ])
)

/**
 * Runs the command line. Whatever goes wrong is one line on standard error, which says what to do; then it fails, so that
 * the process ends with another code than 0 (run it with `disableErrorReporting`).
 */
export const run = (argv: ReadonlyArray<string>) =>
  Effect.consoleWith((console) =>
    Command.run(ens, { name: "ens", version })(argv).pipe(
      Effect.withConsole({
        ...console,
        // Help is colored even for a file or a pipe.
        log: (...values) => console.log(...(process.stdout.isTTY ? values : values.map(uncolored))),
        // The library prints several lines to standard error before it fails.
        error: () => Effect.void
      })
    )
  ).pipe(
    Effect.provide(CliConfig.layer({ showBuiltIns: false })),
    Effect.catchAllCause((cause) =>
      Cause.isInterruptedOnly(cause)
        ? Effect.failCause(cause)
        : Effect.zipRight(
            Console.error(`ens: ${oneLine(cause)}`),
            new CommandProblem({ problem: "reported" })
          )
    )
  )

const oneLine = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  const text = ValidationError.isValidationError(error)
    ? `${plain(error.error).trim()}; see: ens --help`
    : error instanceof Error && Cause.isFailType(cause)
      ? error.message
      : `internal error, please report it: ${error instanceof Error ? error.message : String(error)}`
  return text.replace(/\s+/g, " ").trim()
}

const uncolored = (value: unknown) => (typeof value === "string" ? stripVTControlCharacters(value) : value)
const plain = (doc: HelpDoc.HelpDoc) => stripVTControlCharacters(HelpDoc.toAnsiText(doc))
