import { Cause, Effect, Exit, Logger, LogLevel, Scope } from "effect"
import type { SettingsShape } from "../../schemas/Settings.ts"
import type { Check } from "./Check.ts"
import { checks } from "./Checks.ts"
import { runtime } from "./checks/Runtime.ts"
import { readSettings } from "./checks/SettingsCheck.ts"
import { type Finding, failed, skipped, type Tell } from "./Finding.ts"
import { findStorage } from "./FoundStorage.ts"
import { Patient } from "./Patient.ts"
import type { Questions } from "./Questions.ts"
import { runningNode } from "./RunningNode.ts"

/** Who watches an examination. Both are called while it goes on. */
export interface Watcher {
  readonly found: Tell
  /** The check with this name begins. */
  readonly begins: (check: string) => void
}

/**
 * Examines this installation, one check after the other; answers all findings. Never fails: what is wrong is a finding, and
 * a check that crashes, or takes too long, is one as well and stops no other. Logs of what it uses are not shown.
 */
export const examine = (questions: Questions, watcher: Watcher): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.gen(function* () {
    const findings: Array<Finding> = []
    const tell: Tell = (finding) => {
      findings.push(finding)
      watcher.found(finding)
    }
    watcher.begins("runtime")
    yield* runtime(tell)
    watcher.begins("settings")
    const settings = yield* readSettings(questions, tell)
    if (settings === undefined) {
      tell(skipped("all other checks", "they need settings that can be read"))
      return findings
    }
    yield* examineWith(settings, questions, checks, { ...watcher, found: tell })
    return findings
  })

/** Runs these checks with settings that were read. */
export const examineWith = (
  settings: SettingsShape,
  questions: Questions,
  these: ReadonlyArray<Check>,
  watcher: Watcher
): Effect.Effect<void> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const patient = Patient.of({
      settings,
      questions,
      storage: yield* Effect.cached(Scope.extend(findStorage(settings), scope)),
      node: yield* Effect.cached(runningNode(settings))
    })
    for (const check of these) {
      watcher.begins(check.name)
      yield* Effect.provideService(bounded(check, questions, watcher.found), Patient, patient)
    }
  }).pipe(Effect.scoped, Logger.withMinimumLogLevel(LogLevel.None))

/** One check with its bound; never fails. */
const bounded = (check: Check, { offline }: Questions, tell: Tell): Effect.Effect<void, never, Patient> => {
  const { name, network, within } = check
  if (offline && network) return Effect.sync(() => tell(skipped(name, "not asked for (--offline)")))
  let over = false
  // What comes after its time would look like a finding of the next check.
  const inTime: Tell = (finding) => (over ? undefined : tell(finding))
  return Effect.suspend(() => check.run(inTime)).pipe(
    Effect.scoped,
    // Some drivers cannot be interrupted at once.
    Effect.disconnect,
    Effect.timeoutTo({
      duration: within * 1000,
      onSuccess: () => true,
      onTimeout: () => false
    }),
    Effect.exit,
    Effect.map((exit) => {
      over = true
      const problem = problemOf(exit, within)
      return problem === undefined ? undefined : tell(failed(name, problem))
    })
  )
}

/** Why a check came to no end of its own; undefined: it did. */
const problemOf = (exit: Exit.Exit<boolean, Error>, within: number): string | undefined => {
  if (Exit.isSuccess(exit)) return exit.value ? undefined : `no result within ${within} seconds`
  const error = Cause.squash(exit.cause)
  const said = error instanceof Error ? error.message : "unknown"
  return Cause.isFailType(exit.cause) ? said : `the check itself failed: ${said}`
}
