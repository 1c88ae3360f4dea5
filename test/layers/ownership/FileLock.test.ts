import { spawn } from "node:child_process"
import { mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { hostname } from "node:os"
import { join } from "node:path"
import { expect, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import * as FileLock from "../../../layers/ownership/FileLock.ts"
import { Ownership } from "../../../layers/ownership/Ownership.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"

/** A process that locks the file; answers its first line. */
const lockingProcess = (file: string) =>
  Effect.gen(function* () {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, ["test/support/LockingProcess.ts", file], {
          cwd: new URL("../../..", import.meta.url),
          stdio: ["ignore", "pipe", "inherit"]
        })
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()))
    const said = yield* Effect.promise(
      () => new Promise<string>((resolve) => child.stdout.setEncoding("utf8").once("data", resolve))
    )
    const kill = Effect.promise(() => {
      child.kill("SIGKILL")
      return ended
    })
    return { pid: child.pid, said: said.trim(), kill, ended: Effect.promise(() => ended) }
  })

const lockHere = (file: string) =>
  Effect.gen(function* () {
    const scope = yield* Scope.fork(yield* Effect.scope, yield* Effect.map(Effect.scope, (_) => _.strategy))
    const context = yield* Layer.buildWithScope(FileLock.layer(file), scope)
    return { ownership: Context.get(context, Ownership), close: Scope.close(scope, Exit.void) }
  })

const refusal = (file: string) => Effect.map(Effect.flip(lockHere(file)), (error) => error.message)

it.scopedLive(
  "a second process is refused with one line that names the first; after kill -9 it gets the lock",
  () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryDirectory, "data", "ens.db")
      const first = yield* lockingProcess(file)
      expect(first.said).toBe("locked")
      const second = yield* lockingProcess(file)
      expect(second.said).toMatch(
        new RegExp(
          `^another ens \\(process ${first.pid} on ${hostname()}, since [0-9-]+T[0-9:]+Z\\) has ${file} open; stop it first, or use SQL Server for a standby$`
        )
      )
      yield* second.ended
      expect(yield* refusal(file)).toBe(second.said)
      yield* first.kill
      expect((yield* lockingProcess(file)).said).toBe("locked")
    })
)

it.scopedLive(
  "the lock goes with the layer, keeps out the same process as well, and its file is the owner's",
  () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryDirectory, "ens.db")
      const one = yield* lockHere(file)
      expect([one.ownership.role(), one.ownership.epoch(), one.ownership.owns(5)]).toEqual([
        "active",
        undefined,
        true
      ])
      expect(yield* refusal(file)).toContain(`process ${process.pid} `)
      // What was refused did not take the lock with it.
      expect((yield* lockingProcess(file)).said).toContain("another ens")
      if (process.platform !== "win32") expect(statSync(`${file}.lock`).mode & 0o777).toBe(0o600)
      yield* one.close
      expect((yield* lockingProcess(file)).said).toBe("locked")
    })
)

it.scopedLive("other ways to write the path are the same file", () =>
  Effect.gen(function* () {
    const directory = yield* temporaryDirectory
    mkdirSync(join(directory, "data"))
    writeFileSync(join(directory, "data", "ens.db"), "")
    symlinkSync(join(directory, "data"), join(directory, "link"))
    symlinkSync(join(directory, "data", "ens.db"), join(directory, "other.db"))
    yield* lockHere(join(directory, "data", "ens.db"))
    for (const path of ["data/../data/ens.db", "link/ens.db", "other.db"])
      expect(yield* refusal(`${directory}/${path}`)).toContain("another ens")
    yield* lockHere(join(directory, "data", "another file.db?mode=memory"))
  })
)

it.scopedLive("of several processes that start at once one gets the lock", () =>
  Effect.gen(function* () {
    const file = join(yield* temporaryDirectory, "ens.db")
    const all = yield* Effect.all(
      Array.from({ length: 6 }, () => lockingProcess(file)),
      { concurrency: "unbounded" }
    )
    const winner = all.filter(({ said }) => said === "locked")
    expect(winner).toHaveLength(1)
    for (const { said } of all)
      if (said !== "locked") expect(said).toContain(`another ens (process ${winner[0]!.pid} `)
  })
)

it.scopedLive("a lock file that is none is told, not removed", () =>
  Effect.gen(function* () {
    const file = join(yield* temporaryDirectory, "ens.db")
    writeFileSync(`${file}.lock`, "this is no lock file of ours, but something else".repeat(100))
    expect(yield* refusal(file)).toBe(
      `cannot lock ${file}.lock: file is not a database; ENS must be able to write to this file and its directory`
    )
  })
)
