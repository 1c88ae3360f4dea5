import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Logger, TestClock } from "effect"
import { whenDebugging } from "../../../layers/telemetry/Debugging.ts"
import * as LogLevels from "../../../layers/telemetry/LogLevels.ts"
import { settingsOf } from "../../support/CryptoFixture.ts"

const HOUR = 3_600_000

/** With the level of the settings, and all messages that are logged. */
const leveled = <A, E>(
  level: LogLevels.Level,
  test: (levels: LogLevels.LogLevelsShape, messages: Array<string>) => Effect.Effect<A, E>
) =>
  Effect.suspend(() => {
    const messages: Array<string> = []
    const logger = Logger.make(({ message }) => void messages.push(String(message)))
    return Effect.flatMap(LogLevels.LogLevels, (levels) => test(levels, messages)).pipe(
      Effect.provide(
        LogLevels.layer.pipe(
          Layer.merge(Logger.replace(Logger.defaultLogger, logger)),
          Layer.provide(settingsOf({ log: { format: "json", level, file: undefined } }))
        )
      )
    )
  })

const speak = Effect.all([
  Effect.logDebug("debug"),
  Effect.logInfo("info"),
  Effect.logWarning("warning"),
  whenDebugging(() => Effect.logDebug("when debugging"))
])

describe("the level of the log", () => {
  it.effect("is that of the settings", () =>
    leveled("warning", (levels, messages) =>
      Effect.gen(function* () {
        yield* speak
        expect(messages).toEqual(["warning"])
        expect(yield* levels.current).toEqual({ level: "warning", until: undefined })
      })
    )
  )

  it.effect("changes for fibers that run already", () =>
    leveled("info", (levels, messages) =>
      Effect.gen(function* () {
        const go = yield* Deferred.make<void>()
        const fiber = yield* Effect.fork(Effect.zipRight(Deferred.await(go), speak))
        yield* Effect.yieldNow()
        yield* levels.set("debug", undefined)
        yield* Deferred.succeed(go, undefined)
        yield* Fiber.join(fiber)
        expect(messages).toEqual(["debug", "info", "warning", "when debugging"])
        yield* levels.set("error", undefined)
        yield* speak
        expect(messages).toHaveLength(4)
      })
    )
  )

  it.effect("is the settings' again when the time is over, and says so", () =>
    leveled("info", (levels, messages) =>
      Effect.gen(function* () {
        yield* levels.set("debug", HOUR)
        expect(yield* levels.current).toEqual({ level: "debug", until: HOUR })
        yield* TestClock.adjust(HOUR - 1)
        expect(yield* levels.current).toEqual({ level: "debug", until: HOUR })
        yield* TestClock.adjust(1)
        expect(yield* levels.current).toEqual({ level: "info", until: undefined })
        yield* speak
        expect(messages).toEqual(["the log level is info again", "info", "warning"])
      })
    )
  )

  it.effect("that is set anew is not ended by the time of the one before", () =>
    leveled("info", (levels) =>
      Effect.gen(function* () {
        yield* levels.set("debug", HOUR)
        yield* levels.set("trace", 3 * HOUR)
        yield* TestClock.adjust(2 * HOUR)
        expect(yield* levels.current).toEqual({ level: "trace", until: 3 * HOUR })
        yield* levels.set("info", 4 * HOUR)
        expect(yield* levels.current).toEqual({ level: "info", until: undefined })
        yield* levels.set("debug", HOUR)
        expect(yield* levels.current).toEqual({ level: "info", until: undefined })
      })
    )
  )
})
