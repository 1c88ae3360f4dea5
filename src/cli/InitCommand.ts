import { existsSync } from "node:fs"
import { mkdir } from "node:fs/promises"
import { Command, Options } from "@effect/cli"
import { Console, Effect, Option, Redacted } from "effect"
import { Settings } from "../../schemas/Settings.ts"
import * as Service from "../Service.ts"
import { withSettings } from "./Administer.ts"
import { CommandProblem } from "./CommandProblem.ts"
import { configFile, json } from "./CommonOptions.ts"
import { readCertificate } from "./InitCertificate.ts"
import { asJson, asText } from "./InitReport.ts"
import { setUp } from "./InitSetUp.ts"

const options = {
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
  ewsHost: Options.text("ews-host").pipe(
    Options.withDescription("Exchange's host: log-ins may go to https://HOST/EWS/Exchange.asmx"),
    Options.optional
  ),
  configFile,
  json
}

/**
 * `ens init`: the first set-up. All that is asked for is read and checked before anything is made; what there is already
 * stays as it is.
 */
export const initCommand = Command.make("init", options, (given) =>
  withSettings(
    given.configFile,
    Effect.gen(function* () {
      const ewsUrl = yield* Effect.transposeMapOption(given.ewsHost, ewsUrlOf)
      const settings = yield* Settings
      const certificate = yield* readCertificate(given, settings)
      const before = {
        dataDir: existsSync(settings.dataDir),
        masterKey: !("file" in settings.masterKey) || existsSync(settings.masterKey.file),
        // Of a server's nobody knows; its schema is brought up to date in any case.
        database: !isFile(settings.databaseUrl) || existsSync(pathOf(settings.databaseUrl))
      }
      yield* makeDirectory(settings.dataDir)
      const report = yield* setUp({ before, certificate, ewsUrl: Option.getOrUndefined(ewsUrl) }).pipe(
        Effect.provide(Service.data)
      )
      yield* Console.log(given.json ? asJson(report) : asText(report))
    })
  )
).pipe(Command.withDescription("First set-up: data directory, keys, database, API token, CNS certificate"))

const ewsUrlOf = (text: string): Effect.Effect<string, CommandProblem> => {
  const host = text.trim().toLowerCase()
  const url = URL.parse(`https://${host}/EWS/Exchange.asmx`)
  return url !== null && (url.host === host || url.host === host.replace(/:443$/, ""))
    ? Effect.succeed(url.href)
    : new CommandProblem({
        problem:
          "--ews-host must be a host name like mail.example.com; for another URL use: ens token create --ews-url"
      })
}

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
