import { spawn } from "node:child_process"
import { join } from "node:path"
import { Effect } from "effect"

/** The project's root directory. */
export const ROOT = join(import.meta.dirname, "../../..")

/** The account (and group) that owns nothing. */
export const NOBODY = 65_534

/** Starts a program with nothing of this process's environment but PATH; it is killed with the scope at the latest. */
export const spawned = (
  [command = "", ...args]: ReadonlyArray<string>,
  options: {
    readonly cwd: string
    readonly environment: Readonly<Record<string, string>>
    /** As the account that owns nothing; only root may. */
    readonly otherAccount: boolean
  }
) =>
  Effect.gen(function* () {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(command, args, {
          cwd: options.cwd,
          env: { PATH: process.env["PATH"], ...options.environment },
          stdio: ["ignore", "pipe", "pipe"],
          ...(options.otherAccount ? { uid: NOBODY, gid: NOBODY } : {})
        })
      ),
      (running) => Effect.sync(() => void running.kill("SIGKILL"))
    )
    let output = ""
    child.on("error", (error) => {
      output += error.message
    })
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (part: string) => {
        output += part
      })
    const ended = Effect.async<number | null>((resume) => {
      if (child.exitCode !== null || child.signalCode !== null) resume(Effect.succeed(child.exitCode))
      else child.once("close", (code) => resume(Effect.succeed(code)))
    })
    return { ended, output: () => output, signal: (name: NodeJS.Signals) => void child.kill(name) }
  })
