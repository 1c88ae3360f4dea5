import { spawn } from "node:child_process"
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect, TestClock } from "effect"
import { asideOf } from "../../../layers/telemetry/AsideFiles.ts"
import { toFile } from "../../../layers/telemetry/LogSink.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"

const DAY = 86_400_000
const START = Date.UTC(2026, 0, 31, 23, 59, 59, 123)
const NEVER = { size: undefined, age: undefined, keep: 100 }

const FIRST_LINES: ReadonlyArray<readonly [string, (time: string) => string]> = [
  ["json", (time) => `{"@timestamp":"${time}"}`],
  ["ens2", (time) => `${time.replaceAll("-", "/").replace("T", " ").slice(0, -1)} host`]
]

const place = Effect.gen(function* () {
  yield* TestClock.setTime(START)
  const folder = yield* temporaryDirectory
  const file = join(folder, "ens.log")
  const text = (name: string) => readFileSync(join(folder, name), "utf8")
  return { folder, file, text, names: () => readdirSync(folder).sort() }
})

describe("a log file", () => {
  it.scoped("that would become too large is put aside under its time, and no line is cut", () =>
    Effect.gen(function* () {
      const { file, names, text } = yield* place
      const write = yield* toFile(file, { ...NEVER, size: 12 })
      for (const line of ["first", "second", "third", "a line longer than all that is allowed", "last"]) {
        write(line)
        yield* TestClock.adjust("1 second")
      }
      expect(names().map((name) => [name, text(name)])).toEqual([
        ["ens.log", "last\n"],
        ["ens.log.20260201T000000123Z", "first\n"],
        ["ens.log.20260201T000001123Z", "second\n"],
        ["ens.log.20260201T000002123Z", "third\n"],
        ["ens.log.20260201T000003123Z", "a line longer than all that is allowed\n"]
      ])
    })
  )

  it.scoped("never takes the place of another that was put aside", () =>
    Effect.gen(function* () {
      const { file, names, text } = yield* place
      writeFileSync(`${file}.20260131T235959123Z`, "somebody's")
      const write = yield* toFile(file, { ...NEVER, size: 4 })
      for (const line of ["one", "two", "six"]) write(line)
      expect(names().map(text)).toEqual(["six\n", "somebody's", "one\n", "two\n"])
    })
  )

  for (const [format, toLine] of FIRST_LINES) {
    it.scoped(
      `that is too old is put aside, counted from its first line, also over restarts: ${format}`,
      () =>
        Effect.gen(function* () {
          const { file, names } = yield* place
          const writeAfter = (hours: number) =>
            Effect.gen(function* () {
              yield* TestClock.adjust(`${hours} hours`)
              const write = yield* toFile(file, { ...NEVER, age: DAY })
              write(toLine(new Date(yield* Clock.currentTimeMillis).toISOString()))
              return names().length
            })
          expect(yield* Effect.forEach([0, 12, 11, 1, 23, 1], writeAfter)).toEqual([1, 1, 1, 2, 2, 3])
        })
    )
  }

  it.scoped("on a full disk stops nobody", () =>
    Effect.gen(function* () {
      if (!existsSync("/dev/full")) return console.warn("skipped: this machine has no /dev/full")
      const write = yield* toFile("/dev/full", { ...NEVER, size: 1 })
      for (let number = 0; number < 3; number++) write("line")
    })
  )

  it.scoped("keeps so many of its predecessors, and touches no other file", () =>
    Effect.gen(function* () {
      const { file, folder, names } = yield* place
      const others = [
        "ens.log.1",
        "ens.log.gz",
        "ens.log.20260101T000000000Z.gz",
        "other.log.20260101T000000000Z"
      ]
      for (const name of others) writeFileSync(join(folder, name), "")
      mkdirSync(join(folder, "ens.log.20250101T000000000Z"))
      writeFileSync(join(folder, "ens.log.20260101T000000000Z"), "")
      const write = yield* toFile(file, { ...NEVER, size: 4, keep: 2 })
      for (const line of ["one", "two", "six", "ten"]) {
        write(line)
        yield* TestClock.adjust("1 second")
      }
      expect(names()).toEqual(
        [
          "ens.log",
          "ens.log.20260201T000001123Z",
          "ens.log.20260201T000002123Z",
          "ens.log.20250101T000000000Z",
          ...others
        ].sort()
      )
    })
  )

  it.scoped("that somebody renames, removes or cuts goes on at its path within a second", () =>
    Effect.gen(function* () {
      const { file, folder, text } = yield* place
      const write = yield* toFile(file, { ...NEVER, size: 1000 })
      write("one")
      renameSync(file, `${file}.1`)
      write("two")
      yield* TestClock.adjust("1 second")
      write("three")
      expect([text("ens.log.1"), text("ens.log")]).toEqual(["one\ntwo\n", "three\n"])
      rmSync(folder, { recursive: true })
      yield* TestClock.adjust("1 second")
      write("four")
      expect(text("ens.log")).toBe("four\n")
      truncateSync(file)
      yield* TestClock.adjust("1 second")
      write("five")
      expect(text("ens.log")).toBe("five\n")
    })
  )

  it.scoped("whose last line was cut begins the next one anew", () =>
    Effect.gen(function* () {
      const { file, text } = yield* place
      appendFileSync(file, "whole\nhal")
      const write = yield* toFile(file, NEVER)
      write("next")
      expect(text("ens.log")).toBe("whole\nhal\nnext\n")
    })
  )

  it.scoped("that cannot be put aside is written on, and tried again", () =>
    Effect.gen(function* () {
      const { file, names, text } = yield* place
      const write = yield* toFile(file, { ...NEVER, size: 4 })
      // Names that are all taken.
      for (let number = 0; number <= 1002; number++) {
        writeFileSync(`${file}.20260131T235959123Z${number === 0 ? "" : `-${number}`}`, "")
      }
      const before = names().length
      write("one")
      write("two")
      expect([text("ens.log"), names().length]).toEqual(["one\ntwo\n", before])
      yield* TestClock.adjust("61 seconds")
      write("six")
      expect(text("ens.log")).toBe("six\n")
    })
  )

  it.scoped("two writers share it, and no line of either is lost or mixed", () =>
    Effect.gen(function* () {
      const { file, names, text } = yield* place
      const writers = [
        yield* toFile(file, { ...NEVER, size: 200 }),
        yield* toFile(file, { ...NEVER, size: 200 })
      ]
      const expected = new Set<string>()
      for (let number = 0; number < 500; number++) {
        const line = `line ${number}`
        expected.add(line)
        writers[number % 2]?.(line)
        if (number % 7 === 0) yield* TestClock.adjust("300 millis")
      }
      const found = names().flatMap((name) => text(name).split("\n").slice(0, -1))
      expect(found.length).toBe(500)
      expect(new Set(found)).toEqual(expected)
    })
  )

  it.scopedLive("of two processes at once holds all lines of both, none cut or twice", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryDirectory
      const file = join(folder, "ens.log")
      const children = ["1", "2"].map((name) =>
        spawn(process.execPath, [WRITER, file, name, "2000"], { stdio: ["ignore", "ignore", "inherit"] })
      )
      for (const child of children) {
        yield* Effect.async<void>((resume) => {
          if (child.exitCode !== null) resume(Effect.void)
          else child.once("exit", () => resume(Effect.void))
        })
      }
      const lines = linesIn(folder)
      const expected = ["1", "2"].flatMap((name) =>
        Array.from({ length: 2000 }, (_, index) => `${name}:${index}`)
      )
      // Two that put the file aside in the same moment may give the older part the later time.
      expect(lines.toSorted()).toEqual(expected.toSorted())
    })
  )

  it.scopedLive(
    "of processes that are killed at any time holds every line up to then, none cut, in order",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryDirectory
        const file = join(folder, "ens.log")
        const said = join(folder, "said")
        for (let round = 0; round < 4; round++) {
          const output = openSync(said, "a")
          const child = spawn(process.execPath, [WRITER, file, String(round)], {
            stdio: ["ignore", output, "inherit"]
          })
          closeSync(output)
          const ended = new Promise((resolve) => child.once("exit", resolve))
          const size = existsSync(said) ? statSync(said).size : 0
          while (statSync(said).size < size + 3_000) yield* Effect.sleep("5 millis")
          child.kill("SIGKILL")
          yield* Effect.promise(() => ended)
        }
        expect(readdirSync(folder).length).toBeGreaterThan(4)
        const lines = linesIn(folder)
        for (let round = 0; round < 4; round++) {
          const own = lines.filter((line) => line.startsWith(`${round}:`))
          expect(own).toEqual(own.map((_, index) => `${round}:${index}`))
          const last = readFileSync(said, "utf8")
            .split("\n")
            .filter((line) => line.startsWith(`${round}:`))
            .at(-1)
          expect(own.length).toBeGreaterThan(Number(last?.split(":")[1]))
        }
        expect(lines.every((line) => /^\d:\d+$/.test(line))).toBe(true)
      })
  )
})

const WRITER = new URL("../../support/LogWriter.ts", import.meta.url).pathname

/** All lines of the log and of what was put aside, the oldest first. */
const linesIn = (folder: string): ReadonlyArray<string> =>
  [...asideOf("ens.log", readdirSync(folder)), "ens.log"]
    // Who is killed between putting aside and beginning anew leaves no present file.
    .filter((name) => existsSync(join(folder, name)))
    .flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n").slice(0, -1))
