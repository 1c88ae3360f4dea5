import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect, ExecutionStrategy, Exit, Scope } from "effect"
import type { Installation } from "../support/Installation.ts"
import { type NotReady, type ServiceProcess, spawnService, startProcess } from "../support/ServiceProcess.ts"
import type { Journal } from "./Journal.ts"
import { TAMPERING_FILE, type Tampering, tamper, UNTOUCHED } from "./Tampering.ts"

/** The service as a process that is killed and started again; whoever does either has it alone meanwhile. */
export interface Victim {
  /** Does something to a running service; others wait until it runs again. */
  readonly alone: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  readonly start: Effect.Effect<void, NotReady>
  /** `kill -9`. */
  readonly kill: Effect.Effect<void>
  /** SIGTERM, and waits for the end. */
  readonly stop: Effect.Effect<void>
  /** SIGSTOP, and SIGCONT after so many milliseconds. */
  readonly freeze: (milliseconds: number) => Effect.Effect<void>
  /** Starts it with other settings, in which it should end by itself: its exit code and what it said. */
  readonly refused: (
    settings: Readonly<Record<string, string>>
  ) => Effect.Effect<{ readonly code: number | null; readonly output: string }>
  readonly tamper: (tampering: Partial<Tampering>) => Effect.Effect<void>
  readonly installation: Installation
}

/** Longest time for a stop in good order: the contract's 10 s, and more for a busy machine. */
const STOP_SECONDS = 30
/** Longest time for a start; the machine may have other things to do. */
const START_SECONDS = 90
/** Longest time for a start that is refused. */
const REFUSAL_SECONDS = 90

export const makeVictim = (installed: Installation, journal: Journal) =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const file = join(installed.directory, "tampering.json")
    const installation: Installation = {
      ...installed,
      environment: { ...installed.environment, [TAMPERING_FILE]: file }
    }
    const mutex = yield* Effect.makeSemaphore(1)
    let tampering = UNTOUCHED
    let life: { readonly service: ServiceProcess; readonly scope: Scope.CloseableScope } | undefined
    let isBack = journal.goesDown()
    tamper(file, tampering)

    const buried = Effect.suspend(() => {
      const ended = life
      life = undefined
      return ended === undefined ? Effect.void : Scope.close(ended.scope, Exit.void)
    })
    const start = Effect.gen(function* () {
      const own = yield* Scope.fork(scope, ExecutionStrategy.sequential)
      const service = yield* Scope.extend(startProcess(installation, PRELOAD, START_SECONDS), own)
      life = { service, scope: own }
      isBack()
    })
    const kill = Effect.suspend(() => {
      isBack = journal.goesDown()
      journal.interrupted("kill -9")
      return Effect.zipRight(life?.service.kill ?? Effect.void, buried)
    })
    const stop = Effect.gen(function* () {
      isBack = journal.goesDown()
      const from = Date.now()
      if (life === undefined) return
      yield* life.service.signal("SIGTERM")
      const code = yield* life.service.ended.pipe(
        Effect.timeoutTo({ duration: STOP_SECONDS * 1000, onSuccess: String, onTimeout: () => "late" })
      )
      if (code === "late") {
        journal.broken.push(`the service did not end within ${STOP_SECONDS} s of SIGTERM`)
        journal.interrupted("a stop that had to be forced", from)
      } else if (code !== "0") {
        journal.broken.push(`the service ended with code ${code} after SIGTERM`)
        journal.interrupted("a stop in disorder", from)
      }
      yield* buried
    })
    const freeze = (milliseconds: number) =>
      Effect.gen(function* () {
        const from = Date.now()
        const back = journal.goesDown()
        yield* life?.service.signal("SIGSTOP") ?? Effect.void
        yield* Effect.sleep(milliseconds)
        yield* life?.service.signal("SIGCONT") ?? Effect.void
        back()
        journal.interrupted("SIGSTOP", from)
      })
    const refused = (settings: Readonly<Record<string, string>>) =>
      Effect.gen(function* () {
        const changed = { ...installation, environment: { ...installation.environment, ...settings } }
        const service = yield* spawnService(changed, PRELOAD)
        const code = yield* service.ended.pipe(
          Effect.timeoutTo({
            duration: REFUSAL_SECONDS * 1000,
            onSuccess: (code) => code,
            onTimeout: () => null
          })
        )
        return { code, output: service.output() }
      }).pipe(Effect.scoped)
    const victim: Victim = {
      alone: mutex.withPermits(1),
      start,
      kill,
      stop,
      freeze,
      refused,
      tamper: (part) =>
        Effect.sync(() => {
          tampering = { ...tampering, ...part }
          tamper(file, tampering)
        }),
      installation
    }
    return victim
  })

const PRELOAD = ["--import", fileURLToPath(new URL("./Preload.ts", import.meta.url))]
