import { Effect, FiberRef, LogLevel } from "effect"

/**
 * Logs what is for debugging only, if that is wanted: making and annotating messages is dear where it is done for every
 * mail, and hardly anybody listens.
 */
export const whenDebugging = (log: () => Effect.Effect<void>): Effect.Effect<void> =>
  Effect.withFiberRuntime((fiber) =>
    LogLevel.lessThanEqual(fiber.getFiberRef(FiberRef.currentMinimumLogLevel), LogLevel.Debug)
      ? log()
      : Effect.void
  )
