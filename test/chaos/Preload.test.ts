import { execFile } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { temporaryDirectory } from "../support/TemporaryDirectory.ts"
import { TAMPERING_FILE, tamper } from "./Tampering.ts"

const PRELOAD = fileURLToPath(new URL("./Preload.ts", import.meta.url))
const HOUR = 3_600_000

/** What the thread does; the service's writer is one, too. */
const COMMITS = `
  const { DatabaseSync } = require("node:sqlite")
  const { parentPort } = require("node:worker_threads")
  const database = new DatabaseSync(":memory:")
  const run = (sql) => database.prepare(sql).run()
  run("CREATE TABLE t (a)")
  run("BEGIN IMMEDIATE")
  run("INSERT INTO t VALUES (1)")
  const began = performance.now()
  run("COMMIT")
  parentPort.postMessage({ took: performance.now() - began, open: database.isTransaction })`

const shows = (thread: string) => `
  const { Worker } = require("node:worker_threads")
  const dates = [Date.now(), new Date().getTime(), new Date(0).getTime()]
  const isDate = new Date() instanceof Date
  const worker = new Worker(${JSON.stringify(thread)})
  worker.once("message", (commit) => console.log(JSON.stringify({ dates, isDate, commit })))`

interface Shown {
  readonly dates: readonly [number, number, number]
  readonly isDate: boolean
  readonly commit: { readonly took: number; readonly open: boolean }
}

const shown = Effect.fnUntraced(function* (clock: number, commit: number) {
  const directory = yield* temporaryDirectory
  const file = join(directory, "tampering.json")
  const main = join(directory, "main.cjs")
  const thread = join(directory, "thread.cjs")
  writeFileSync(thread, COMMITS)
  writeFileSync(main, shows(thread))
  tamper(file, { clock, commit })
  const env = { ...process.env, [TAMPERING_FILE]: file }
  const { stdout } = yield* Effect.promise(() =>
    promisify(execFile)(process.execPath, ["--import", PRELOAD, main], { env })
  )
  return JSON.parse(stdout) as Shown
})

describe("a process that is tampered with", () => {
  it.scopedLive("has the wall clock that it is given, and nothing else of its dates changes", () =>
    Effect.gen(function* () {
      const before = Date.now()
      const { dates, isDate } = yield* shown(-HOUR, 0)
      const after = Date.now()
      for (const date of dates.slice(0, 2)) {
        expect(date).toBeGreaterThanOrEqual(before - HOUR)
        expect(date).toBeLessThanOrEqual(after - HOUR)
      }
      expect(dates[2]).toBe(0)
      expect(isDate).toBe(true)
    })
  )

  it.scopedLive("commits as late as it is told, and commits all the same", () =>
    Effect.gen(function* () {
      const { commit } = yield* shown(0, 150)
      expect(commit.took).toBeGreaterThanOrEqual(149)
      expect(commit.open).toBe(false)
    })
  )
})
