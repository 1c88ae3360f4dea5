import { existsSync } from "node:fs"
import { mkdir } from "node:fs/promises"
import { resolve } from "node:path"
import { Command, Options } from "@effect/cli"
import * as Terminal from "@effect/platform/Terminal"
import { Console, Effect, Either, Option, Redacted } from "effect"
import * as Logging from "../../layers/telemetry/Logging.ts"
import { Settings } from "../../schemas/Settings.ts"
import * as Config from "../Config.ts"
import * as Service from "../Service.ts"
import { audited } from "./Audited.ts"
import { CommandProblem, UsageProblem } from "./CommandProblem.ts"
import { configFile, json } from "./CommonOptions.ts"
import { readCertificate } from "./InitCertificate.ts"
import * as InitConfigFile from "./InitConfigFile.ts"
import { fillPool } from "./InitKeys.ts"
import type { InitPlan } from "./InitPlan.ts"
import { asJson, asText, madeBy } from "./InitReport.ts"
import { setUp } from "./InitSetUp.ts"
import { wizard } from "./InitWizard.ts"
import * as Progress from "./Progress.ts"

const options = {
  publicUrl: Options.text("public-url").pipe(
    Options.withDescription("What Exchange and phones call, like https://ens.example.com"),
    Options.optional
  ),
  ewsHost: Options.text("ews-host").pipe(
    Options.withDescription("Exchange's host: log-ins may go to https://HOST/EWS/Exchange.asmx"),
    Options.optional
  ),
  push: Options.text("push").pipe(
    Options.withDescription("Push gateway: cns, sns, log, or ios=apns,android=fcm"),
    Options.optional
  ),
  configXml: Options.file("config-xml").pipe(
    Options.withDescription(
      "config.xml of the Workspace ONE console (or a PKCS#12 file): its certificate is kept for CNS"
    ),
    Options.optional
  ),
  passwordFile: Options.file("password-file").pipe(
    Options.withDescription("File with the password that was chosen when config.xml was downloaded"),
    Options.optional
  ),
  set: Options.text("set").pipe(
    Options.withDescription("NAME=VALUE of any other setting for the config file; may be repeated"),
    Options.repeated
  ),
  writeConfig: Options.file("write-config").pipe(
    Options.withDescription(
      "Config file to make for `ens start --config`; the settings given here go into it"
    ),
    Options.optional
  ),
  keys: Options.integer("keys").pipe(
    Options.withDescription("RSA keys to make ahead, for at most 20 s (default: 0, in the wizard 20)"),
    Options.optional
  ),
  yes: Options.boolean("yes").pipe(Options.withDescription("Ask nothing, though this is a terminal")),
  configFile,
  json
}

type Given = Command.Command.ParseConfig<typeof options>

/**
 * `ens init`: the first set-up, by flags; in a wizard if there are none and this is a terminal. All that is asked for is
 * read and checked before anything is made; what there is already stays as it is.
 */
export const initCommand = Command.make("init", options, (given) =>
  Effect.gen(function* () {
    if (!isInteractive(given)) return yield* perform(given, planOf(given))
    const plan = yield* Effect.mapError(
      Effect.updateService(wizard(ewsUrlOf), Terminal.Terminal, inWantedColors),
      (error) =>
        new CommandProblem({ problem: typeof error === "string" ? error : "ended; nothing was made" })
    )
    yield* plan === undefined ? Console.log("Nothing was made.") : perform(given, () => Effect.succeed(plan))
  })
).pipe(
  Command.withDescription(
    "First set-up: data directory, keys, database, tokens, CNS certificate, config file"
  )
)

/** Prompts move the cursor, and colour what they show; who has set NO_COLOR wants the former only. */
const inWantedColors = (terminal: Terminal.Terminal): Terminal.Terminal =>
  (process.env.NO_COLOR ?? "") === ""
    ? terminal
    : { ...terminal, display: (text) => terminal.display(text.replace(COLORS, "")) }

// biome-ignore lint/suspicious/noControlCharactersInRegex: that is how colours begin
const COLORS = /\u001b\[[\d;]*m/g

const isInteractive = (given: Given) =>
  process.stdin.isTTY &&
  process.stdout.isTTY &&
  !given.yes &&
  !given.json &&
  given.set.length === 0 &&
  [
    given.publicUrl,
    given.ewsHost,
    given.push,
    given.configXml,
    given.passwordFile,
    given.writeConfig,
    given.keys,
    given.configFile
  ].every((value) => Option.isNone<unknown>(value))

/** What the flags say. */
const planOf = (given: Given) =>
  Effect.fnUntraced(function* (before: Settings["Type"]) {
    const ewsUrl = yield* Effect.transposeMapOption(given.ewsHost, ewsUrlOf)
    const { settings, writeConfig } = yield* settingsOf(given)
    const keys = Option.getOrElse(given.keys, () => 0)
    if (keys < 0 || keys > 1000) return yield* usage("--keys must be a number from 0 to 1000")
    return {
      settings,
      secrets: {},
      writeConfig,
      certificate: yield* readCertificate(given, before),
      ewsUrl: Option.getOrUndefined(ewsUrl),
      keys
    } satisfies InitPlan
  })

const settingsOf = Effect.fnUntraced(function* (given: Given) {
  const settings: Record<string, string> = {}
  if (Option.isSome(given.publicUrl)) settings.ENS_PUBLIC_URL = given.publicUrl.value
  if (Option.isSome(given.push)) settings.ENS_PUSH = given.push.value
  for (const text of given.set) {
    const [name, value] = yield* Either.match(InitConfigFile.assignment(text), {
      onLeft: usage,
      onRight: Effect.succeed
    })
    settings[name] = value
  }
  const writeConfig = Option.getOrUndefined(Option.map(given.writeConfig, (file) => resolve(file)))
  if (writeConfig === undefined && Object.keys(settings).length > 0)
    return yield* usage(
      "--public-url, --push and --set need --write-config FILE, where these settings are kept"
    )
  if (writeConfig === undefined) return { settings, writeConfig }
  if (Option.isSome(given.configFile))
    return yield* usage("--write-config makes a config file, and --config reads one; give one of them")
  const problem = InitConfigFile.problemOf(writeConfig)
  if (problem !== undefined) return yield* usage(`--write-config: ${problem}`)
  return { settings, writeConfig }
})

/** Sets up as the plan says, which is made of the settings that there are before. */
const perform = <E, R>(given: Given, planned: (before: Settings["Type"]) => Effect.Effect<InitPlan, E, R>) =>
  Effect.gen(function* () {
    const file = Option.getOrUndefined(given.configFile)
    const plan = yield* Effect.flatMap(Config.load({ file, purpose: "administer" }), planned)
    const overlay = {
      ...plan.settings,
      ...Object.fromEntries(
        Object.entries(plan.secrets).map(([name, secret]) => [name, Redacted.value(secret)])
      )
    }
    // What `ens start` will find in the config file; where none is made, only what this command needs is looked at.
    const settings = Config.layer({
      file,
      environment: { ...process.env, ...overlay },
      purpose: plan.writeConfig === undefined ? "administer" : "serve"
    })
    yield* Effect.provide(made(plan, given.json), settings)
  }).pipe(Progress.shown(given.json), Effect.provide(Logging.layerWarnings))

/**
 * Nobody interrupts this half-way, except while keys are made ahead. The tokens are shown before that, because whoever does
 * not see them now never does.
 */
const made = (plan: InitPlan, json: boolean) =>
  Effect.gen(function* () {
    const settings = yield* Settings
    const progress = yield* Progress.Progress
    const before = {
      dataDir: existsSync(settings.dataDir),
      masterKey: !("file" in settings.masterKey) || existsSync(settings.masterKey.file),
      // Of a server's nobody knows; its schema is brought up to date in any case.
      database: !isFile(settings.databaseUrl) || existsSync(pathOf(settings.databaseUrl))
    }
    yield* progress.step("data directory, master key and database")
    yield* makeDirectory(settings.dataDir)
    yield* audited(
      { action: "init", target: madeBy },
      Service.data,
      Effect.gen(function* () {
        const setUpAll = setUp({ before, certificate: plan.certificate, ewsUrl: plan.ewsUrl })
        const found = yield* plan.writeConfig === undefined
          ? setUpAll
          : InitConfigFile.written(plan.writeConfig, plan, setUpAll)
        const report = { ...found, config: plan.writeConfig }
        yield* progress.clear
        if (!json) yield* Console.log(asText(report))
        const keys = yield* fillPool(plan.keys)
        yield* progress.clear
        if (json) yield* Console.log(asJson(report, keys))
        else if (keys > 0) yield* Console.log(`\n${keys} RSA keys were made ahead for the first phones.`)
        return report
      })
    )
  }).pipe(Effect.uninterruptible)

const ewsUrlOf = (text: string): Effect.Effect<string, UsageProblem> => {
  const host = text.trim().toLowerCase()
  const url = URL.parse(`https://${host}/EWS/Exchange.asmx`)
  return url !== null && (url.host === host || url.host === host.replace(/:443$/, ""))
    ? Effect.succeed(url.href)
    : usage(
        "--ews-host must be a host name like mail.example.com; for another URL use: ens token create --ews-url"
      )
}

const usage = (problem: string) => Effect.fail(new UsageProblem({ problem }))

const isFile = (url: Redacted.Redacted<string>) => Redacted.value(url).startsWith("file:")
const pathOf = (url: Redacted.Redacted<string>) => Redacted.value(url).slice("file:".length)

const makeDirectory = (directory: string) =>
  Effect.tryPromise({
    try: () => mkdir(directory, { recursive: true, mode: 0o700 }),
    catch: (error) =>
      new CommandProblem({
        problem: `cannot make the data directory ${directory} (${
          error instanceof Error && "code" in error ? String(error.code) : "unknown error"
        }); correct ENS_DATA_DIR or its rights`
      })
  })
