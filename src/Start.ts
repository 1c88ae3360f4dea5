import { existsSync } from "node:fs"
import { readdir } from "node:fs/promises"
import { Effect, Layer, Schema } from "effect"
import { isLoopback } from "../layers/net/Loopback.ts"
import * as Logging from "../layers/telemetry/Logging.ts"
import * as Otlp from "../layers/telemetry/Otlp.ts"
import { Settings } from "../schemas/Settings.ts"
import * as Config from "./Config.ts"
import { databaseOf } from "./Database.ts"
import { forgetSecrets } from "./ForgottenEnvironment.ts"
import { version } from "./Instance.ts"
import { ownName } from "./OwnName.ts"
import * as Service from "./Service.ts"
import { forbidTelltales } from "./UnsafeStart.ts"

/** The service would start without its data: a mistyped path looks like a first start and would forget every user. */
export class DataDirectoryEmpty extends Schema.TaggedError<DataDirectoryEmpty>()("DataDirectoryEmpty", {
  directory: Schema.String
}) {
  override get message() {
    return `${this.directory} holds no data; check ENS_DATA_DIR, or, if this is a first set-up, run: ${ownName()} init`
  }
}

/** Runs the service until it is interrupted. */
export const start = (configFile: string | undefined) =>
  Effect.gen(function* () {
    const settings = yield* Settings
    yield* forgetSecrets
    yield* forbidTelltales(settings)
    yield* guardData(settings)
    yield* announce(settings)
    return yield* Effect.onInterrupt(Layer.launch(Service.layer), () => Effect.logInfo("stopped"))
  }).pipe(
    Effect.provide(Otlp.layer),
    Effect.provide(Logging.layer),
    Effect.provide(Config.layer({ file: configFile }))
  )

/** Data on a server are found there, whatever this machine has. */
const guardData = Effect.fnUntraced(function* (settings: Settings["Type"]) {
  const { dataDir, publicUrl } = settings
  const database = yield* databaseOf(settings)
  if (isLoopback(new URL(publicUrl)) || database._tag === "Mssql") return
  const files = existsSync(dataDir) ? yield* Effect.promise(() => readdir(dataDir)) : []
  if (files.length === 0) return yield* new DataDirectoryEmpty({ directory: dataDir })
})

const announce = (settings: Settings["Type"]) =>
  Effect.logInfo(`ENS ${version} starts`, {
    publicUrl: settings.publicUrl,
    listener: `${settings.host}:${settings.port}`,
    admin: `http://${settings.adminHost}:${settings.adminPort}/docs`,
    dataDir: settings.dataDir,
    push: `ios=${settings.push.ios} android=${settings.push.android}`
  })
