import { defaultTeardown, type Teardown } from "@effect/platform/Runtime"
import { Cause, Exit, Option } from "effect"

/** The code that a command ends with: 0 done (or interrupted), 1 failed, 2 the command line was wrong. */
export const teardown: Teardown = (exit, end) =>
  defaultTeardown(exit, (code) => {
    const error = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.failureOption(exit.cause)) : undefined
    end(code !== 0 && isEnded(error) ? error.exitCode : code)
  })

const isEnded = (error: unknown): error is { readonly exitCode: number } =>
  typeof error === "object" &&
  error !== null &&
  "_tag" in error &&
  error._tag === "CommandEnded" &&
  "exitCode" in error
