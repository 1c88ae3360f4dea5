import { type ChildProcess, spawn } from "node:child_process"
import { Data, Effect, Schedule } from "effect"
import { call } from "../../src/sandbox/JsonClient.ts"
import type { Installation } from "./Installation.ts"

/** The service did not become ready; `output` is what it printed. */
export class NotReady extends Data.TaggedError("NotReady")<{ readonly output: string }> {
  override get message() {
    return `the service did not become ready: ${this.output}`
  }
}

/** `ens start` as a process of its own: the one that can be killed without a chance to tidy up. */
export interface ServiceProcess {
  readonly pid: number
  /** `kill -9`; returns when the process is gone. */
  readonly kill: Effect.Effect<void>
  readonly signal: (signal: NodeJS.Signals) => Effect.Effect<void>
  /** Waits for the end; the exit code, or null after a signal. */
  readonly ended: Effect.Effect<number | null>
  /** What it printed on standard output and standard error. */
  readonly output: () => string
}

/** Starts the process, of another command if one is given, and waits for nothing. It is killed with the scope at the latest. */
export const spawnService = (
  installation: Installation,
  nodeOptions: ReadonlyArray<string> = [],
  command: ReadonlyArray<string> = ["start"]
) =>
  Effect.gen(function* () {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, [...nodeOptions, "src/main.ts", ...command], {
          cwd: new URL("../..", import.meta.url),
          env: { ...withoutSettings(process.env), ...installation.environment },
          stdio: ["ignore", "pipe", "pipe"]
        })
      ),
      (child) => killed(child)
    )
    let output = ""
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (part: string) => {
        output += part
      })
    return {
      pid: child.pid ?? 0,
      kill: killed(child),
      signal: (signal) => Effect.sync(() => void child.kill(signal)),
      ended: ended(child),
      output: () => output
    } satisfies ServiceProcess
  })

/** Starts the process and waits until the admin listener says that it is ready. */
export const startProcess = Effect.fnUntraced(function* (
  installation: Installation,
  nodeOptions: ReadonlyArray<string> = [],
  seconds = 20
) {
  const service = yield* spawnService(installation, nodeOptions)
  yield* isReady(installation).pipe(
    Effect.filterOrFail((ready) => ready),
    Effect.retry(Schedule.spaced("20 millis")),
    Effect.raceFirst(Effect.zipRight(service.ended, Effect.fail("ended"))),
    Effect.timeout(seconds * 1000),
    Effect.mapError(() => new NotReady({ output: service.output() }))
  )
  return service
})

/** Whether `/readyz` of the admin listener says 200. */
export const isReady = (installation: Installation): Effect.Effect<boolean> =>
  Effect.tryPromise(() => call(`${installation.adminUrl}/readyz`, { method: "GET", timeout: 2000 })).pipe(
    Effect.map(({ status }) => status === 200),
    Effect.orElseSucceed(() => false)
  )

const ended = (child: ChildProcess): Effect.Effect<number | null> =>
  Effect.async((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.succeed(child.exitCode))
    child.once("close", (code) => resume(Effect.succeed(code)))
  })

const killed = (child: ChildProcess): Effect.Effect<void> =>
  Effect.suspend(() => {
    child.kill("SIGKILL")
    return Effect.asVoid(ended(child))
  })

/** Settings of whoever runs the tests are none of the installation's. */
const withoutSettings = (environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith("ENS_")))
