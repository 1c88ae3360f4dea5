import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { mkdtemp, readdir, rm, symlink } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import { ROOT } from "./Markdown.ts"

/** Programs out of the list that this machine lacks. */
export const lacking = (programs: ReadonlyArray<string>): ReadonlyArray<string> =>
  programs.filter((program) => spawnSync(program, ["--version"]).error !== undefined)

/** What a program printed and how it ended. */
export interface Outcome {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** A copy of the project as somebody has it who has just installed it: without data, and without settings. */
export interface Newcomer {
  /** Runs bash until it is done. */
  readonly bash: (script: string) => Effect.Effect<Outcome>
  /** Starts bash as if in a terminal of its own; it is closed with the scope. Answers what it printed so far. */
  readonly terminal: (script: string) => Effect.Effect<() => string, never, Scope.Scope>
}

/** `settings` are the environment besides the machine's own. */
export const newcomer = (
  settings: Readonly<Record<string, string>>
): Effect.Effect<Newcomer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const directory = yield* Effect.acquireRelease(Effect.promise(copyOfLinks), (path) =>
      Effect.promise(() => rm(path, { recursive: true, force: true }))
    )
    const inherited = Object.entries(process.env).filter(([name]) => !/^(ENS_|npm_|VITEST)/.test(name))
    const options = { cwd: directory, env: { ...Object.fromEntries(inherited), ...settings } }
    const start = (script: string) =>
      // A group of its own: npm's children are reached through it.
      spawn("bash", ["-c", script], { ...options, detached: true, stdio: ["ignore", "pipe", "pipe"] })
    return {
      bash: (script) =>
        Effect.async<Outcome>((resume) => {
          const child = start(script)
          const { out, err } = collect(child)
          child.once("close", (code) => resume(Effect.succeed({ code, out: out(), err: err() })))
          return end(child)
        }),
      terminal: (script) =>
        Effect.acquireRelease(
          Effect.sync(() => ({ child: start(script) })).pipe(
            Effect.map(({ child }) => ({ child, ...collect(child) }))
          ),
          ({ child }) => end(child)
        ).pipe(
          Effect.map(
            ({ out, err }) =>
              () =>
                out() + err()
          )
        )
    }
  })

const copyOfLinks = async () => {
  const directory = await mkdtemp(join(tmpdir(), "ens-readme-"))
  for (const name of await readdir(ROOT)) {
    if (name !== "data" && name !== ".git") await symlink(join(ROOT, name), join(directory, name))
  }
  return directory
}

const collect = (child: ChildProcess) => {
  const texts = { out: "", err: "" }
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
    texts.out += chunk
  })
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    texts.err += chunk
  })
  return { out: () => texts.out, err: () => texts.err }
}

const end = (child: ChildProcess): Effect.Effect<void> =>
  Effect.async((resume) => {
    if (child.pid === undefined || child.exitCode !== null) return resume(Effect.void)
    child.once("close", () => resume(Effect.void))
    try {
      process.kill(-child.pid, "SIGKILL")
    } catch {
      resume(Effect.void)
    }
  })
