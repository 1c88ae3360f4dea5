import { stripVTControlCharacters } from "node:util"
import { CliConfig, Command, HelpDoc, ValidationError } from "@effect/cli"
import { Cause, Console, Effect } from "effect"
import { whereabouts } from "../../actors/Whereabouts.ts"
import { version } from "../Instance.ts"
import { CommandEnded } from "./CommandProblem.ts"
import { type CommandTree, find, treeOf } from "./CommandTree.ts"
import { completionsCommand } from "./CompletionsCommand.ts"
import { configCommand } from "./ConfigCommand.ts"
import { demoCommand } from "./DemoCommand.ts"
import { doctorCommand } from "./DoctorCommand.ts"
import { helpOf } from "./Help.ts"
import { initCommand } from "./InitCommand.ts"
import { logLevelCommand } from "./LogLevelCommand.ts"
import { migrateCommand } from "./MigrateCommand.ts"
import { isUnfinished, missingValue, unknownCommand, unknownOption } from "./Mistyped.ts"
import { pinCommand } from "./PinCommand.ts"
import { sandboxCommand } from "./SandboxCommand.ts"
import { secretCommand } from "./SecretCommand.ts"
import { startCommand } from "./StartCommand.ts"
import { tokenCommand } from "./TokenCommand.ts"
import { userCommand } from "./UserCommand.ts"

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
    userCommand,
    secretCommand,
    logLevelCommand,
    sandboxCommand,
    completionsCommand(() => tree())
  ])
)

/** All commands, as help, completions and suggestions show them. */
export const tree = (): CommandTree => (known ??= treeOf(ens.descriptor))
let known: CommandTree | undefined

/**
 * Runs the command line. Whatever goes wrong is one line on standard error, which says what to do; then it fails with the
 * code that the process shall end with (run it with `disableErrorReporting`).
 */
export const run = (argv: ReadonlyArray<string>) => {
  const args = argv.slice(2)
  return Effect.suspend(() => {
    const asked = args.slice(0, args.includes("--") ? args.indexOf("--") : args.length)
    const { command, path } = find(tree(), args)
    const unknown = unknownCommand(tree(), args)
    if (unknown !== undefined) return ended(args, unknown, 2)
    if (args.length === 0 || asked.some((arg) => arg === "--help" || arg === "-h"))
      return Console.log(helpOf(path, command, look()))
    if (isUnfinished(tree(), args)) {
      const full = ["ens", ...path].join(" ")
      const children = command.children.map(({ name }) => name).join(", ")
      return ended(args, `${full} needs one of: ${children}; see: ${full} --help`, 2)
    }
    const missing = missingValue(tree(), args)
    if (missing !== undefined) return ended(args, missing, 2)
    return parsed(argv, args)
  })
}

const parsed = (argv: ReadonlyArray<string>, args: ReadonlyArray<string>) =>
  Effect.consoleWith((console) =>
    Command.run(ens, { name: "ens", version })(argv).pipe(
      Effect.withConsole({
        ...console,
        // The library colors what it prints of itself even for a file or a pipe.
        log: (...values) => console.log(...(isColorful() ? values : values.map(uncolored))),
        // It prints several lines to standard error before it fails.
        error: () => Effect.void
      })
    )
  ).pipe(
    Effect.provide(CliConfig.layer({ showBuiltIns: false })),
    Effect.catchAllCause((cause): Effect.Effect<never, CommandEnded> => {
      if (Cause.isInterruptedOnly(cause)) return Effect.interrupt
      const error = Cause.squash(cause)
      return ValidationError.isValidationError(error)
        ? ended(args, unknownOption(tree(), args) ?? misuse(error, args), 2)
        : ended(args, textOf(error, cause), isUsage(error) ? 2 : 1)
    })
  )

/** Tells the problem, for eyes or for programs, and fails. */
const ended = (args: ReadonlyArray<string>, problem: string, exitCode: 1 | 2) => {
  const text = problem.replace(/\s+/g, " ").trim()
  return Effect.zipRight(
    Console.error(args.includes("--json") ? JSON.stringify({ error: text, exitCode }) : `ens: ${text}`),
    new CommandEnded({ exitCode })
  )
}

const misuse = (error: ValidationError.ValidationError, args: ReadonlyArray<string>) =>
  `${plain(error.error)}; see: ${["ens", ...find(tree(), args).path].join(" ")} --help`

const textOf = (error: unknown, cause: Cause.Cause<unknown>) =>
  error instanceof Error && Cause.isFailType(cause)
    ? error.message
    : // What a bug says of itself may quote a secret.
      `internal error, please report it: ${whereabouts(error)}`

const isUsage = (error: unknown) =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "UsageProblem"

const isColorful = () => process.stdout.isTTY && (process.env.NO_COLOR ?? "") === ""

const look = () => ({ color: isColorful(), width: Math.min(process.stdout.columns ?? 100, 120) })

const uncolored = (value: unknown) => (typeof value === "string" ? stripVTControlCharacters(value) : value)
/** Of a value that a schema refuses the library draws a tree; its last leaf is what is wrong. */
const plain = (doc: HelpDoc.HelpDoc) =>
  stripVTControlCharacters(HelpDoc.toAnsiText(doc))
    .replace(/^.*└─ /s, "")
    .trim()
