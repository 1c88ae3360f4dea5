import { execFile } from "node:child_process"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, type Scope } from "effect"

/** Debian's, which has the packages; another one may come first in the path. */
export const PYTHON = "/usr/bin/python3"

/** Runs a script, and reads what it prints as JSON. */
export const runPython = (script: string, args: ReadonlyArray<string>): Effect.Effect<unknown, Error> =>
  Effect.async<unknown, Error>((resume) => {
    const child = execFile(PYTHON, [script, ...args], (error, stdout, stderr) =>
      resume(error === null ? Effect.succeed(JSON.parse(stdout)) : Effect.fail(new Error(stderr)))
    )
    return Effect.sync(() => child.kill())
  })

/** A file with this text, for as long as the scope lasts. */
export const withPemFile = (text: string): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const folder = await mkdtemp(join(tmpdir(), "ens-pem-"))
      await writeFile(join(folder, "ca.pem"), text)
      return folder
    }),
    (folder) => Effect.promise(() => rm(folder, { recursive: true }))
  ).pipe(Effect.map((folder) => join(folder, "ca.pem")))
