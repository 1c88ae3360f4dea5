import { Effect, Layer, Logger, LogLevel } from "effect"
import type { SettingsShape } from "../../../schemas/Settings.ts"
import * as Config from "../../Config.ts"
import { failed, ok, type Tell } from "../Finding.ts"
import type { Questions } from "../Questions.ts"

/**
 * Reads the settings as the service would: unknown names and contradictions are a line each. undefined: they cannot be read
 * at all. What only the service needs keeps nothing else from being looked at.
 */
export const readSettings = (
  { configFile }: Questions,
  tell: Tell
): Effect.Effect<SettingsShape | undefined> =>
  Effect.gen(function* () {
    const warnings: Array<string> = []
    const noting = Layer.merge(
      Logger.replace(
        Logger.defaultLogger,
        Logger.make(({ message }) => void warnings.push([message].flat().join(" ")))
      ),
      Logger.remove(Logger.prettyLoggerDefault)
    )
    const serving = yield* Config.load({ file: configFile }).pipe(
      Effect.provide(noting),
      Logger.withMinimumLogLevel(LogLevel.Warning),
      Effect.either
    )
    for (const warning of warnings) tell(failed("settings", warning, "correct or remove it"))
    if (serving._tag === "Right") {
      const where = configFile === undefined ? "the environment" : `${configFile} and the environment`
      if (warnings.length === 0) tell(ok("settings", `${where} can be used`))
      return serving.right
    }
    for (const problem of serving.left.problems) tell(failed("settings", problem))
    const readable = yield* Config.load({ file: configFile, purpose: "administer" }).pipe(
      Logger.withMinimumLogLevel(LogLevel.None),
      Effect.either
    )
    return readable._tag === "Right" ? readable.right : undefined
  })
