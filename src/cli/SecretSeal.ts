import { existsSync } from "node:fs"
import { createInterface } from "node:readline"
import { Writable } from "node:stream"
import { text } from "node:stream/consumers"
import { Command } from "@effect/cli"
import { Console, Effect, Option, Redacted } from "effect"
import * as LocalMasterKey from "../../layers/crypto/LocalMasterKey.ts"
import { isSealed, sealText } from "../../layers/crypto/SealedText.ts"
import * as Logging from "../../layers/telemetry/Logging.ts"
import * as Config from "../Config.ts"
import { CommandProblem } from "./CommandProblem.ts"
import { configFile, json } from "./CommonOptions.ts"

/**
 * `ens secret seal`: reads one secret from standard input and prints it sealed by the master key, to be given as a setting.
 * Other settings are not looked at, so that a first secret can be sealed, and a broken one anew.
 */
export const sealCommand = Command.make("seal", { configFile, json }, (given) =>
  Effect.gen(function* () {
    const source = yield* Config.keySource({ file: Option.getOrUndefined(given.configFile) })
    const secret = yield* readSecret
    if ("file" in source && !existsSync(source.file)) {
      yield* Effect.logWarning(
        `there was no master key, so one is made: ${source.file}; if the database has one already, restore that instead and repeat`
      )
    }
    const sealed = sealText(yield* LocalMasterKey.load(source), secret)
    yield* Console.log(given.json ? JSON.stringify({ sealed }) : sealed)
  }).pipe(Effect.provide(Logging.layerWarnings))
).pipe(Command.withDescription("Seal a secret, read from standard input, for use as a setting"))

const problem = (text: string) => Effect.fail(new CommandProblem({ problem: text }))

const readSecret = Effect.suspend(() => (process.stdin.isTTY ? typed : piped)).pipe(
  Effect.map((input) => input.trim()),
  Effect.flatMap((secret) => {
    if (secret === "" || secret.length > SECRET_MAX || /[\r\n\0]/.test(secret)) {
      return problem(`standard input must hold one secret of 1 to ${SECRET_MAX} characters on one line`)
    }
    if (secret.includes("\uFFFD")) return problem("standard input must be in UTF-8")
    // Others begin like that by chance, and have to be sealed because of it.
    return isSealed(secret) && /^[\w:-]+$/.test(secret)
      ? problem("this is sealed already, or looks as if it were")
      : Effect.succeed(Redacted.make(secret))
  })
)

const piped = Effect.tryPromise({
  try: () => text(process.stdin),
  catch: () => new CommandProblem({ problem: "standard input cannot be read" })
})

/** A line from the terminal, which does not show it. */
const typed = Effect.async<string, CommandProblem>((resume) => {
  process.stderr.write("Secret (it is not shown): ")
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true })
  let line: string | undefined
  lines.once("line", (input) => {
    line = input
    lines.close()
  })
  lines.once("close", () => {
    process.stderr.write("\n")
    resume(line === undefined ? problem("nothing was entered") : Effect.succeed(line))
  })
  return Effect.sync(() => lines.close())
})

const SECRET_MAX = 4_096
