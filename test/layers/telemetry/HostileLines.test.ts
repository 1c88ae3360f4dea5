import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Logger } from "effect"
import { formats, type LogFormat } from "../../../layers/telemetry/LogFormat.ts"

const throwing = (): never => {
  throw new Error("a trap")
}

const TEXTS: Readonly<Record<string, string>> = {
  "line ends": "a\nb\r\nc\u2028d\u2029e\u0085f\vg\fh",
  "terminal escapes": "\u001b[2J\u001b]0;title\u0007\u009b31m\0",
  "turned text": "\u202egnp.exe\u2069",
  "lone surrogates": "\ud800 and \udc00",
  "a huge text": "x".repeat(300_000),
  // Quadratic for a pattern that looks for line ends behind blanks.
  "a row of blanks": " ".repeat(300_000)
}

const OBJECTS: Readonly<Record<string, unknown>> = {
  "a getter that throws": Object.defineProperty({}, "x", { enumerable: true, get: throwing }),
  "a toJSON that throws": { toJSON: throwing, toString: throwing },
  "a toJSON that gives no JSON": { toJSON: () => 1n },
  "an error that throws": Object.defineProperty(new Error("x"), "message", { get: throwing }),
  "an error of several lines": new Error("a\n\u001b[31mb"),
  "a big integer": 10n,
  "an object without prototype": Object.create(null)
}

const VALUES = { ...TEXTS, ...OBJECTS }

const WAYS: Readonly<Record<string, (value: unknown) => Effect.Effect<void>>> = {
  "an annotation": (value) => Effect.annotateLogs(Effect.logInfo("m"), "k", value),
  "the name of an annotation": (value) =>
    Effect.annotateLogs(Effect.logInfo("m"), `${typeof value === "string" ? value : "k"}`, 1),
  "the logger's name": (value) => Effect.annotateLogs(Effect.logInfo("m"), "logger", value),
  "a message": (value) => Effect.logInfo(value),
  "a detail": (value) => Effect.logInfo("m", { k: value }),
  "a cause": (value) => Effect.logError("m", Cause.fail(value))
}

/** What one line becomes. Fails as the effect that logs would. */
const lineOf = (format: LogFormat, log: Effect.Effect<void>) =>
  Effect.gen(function* () {
    const lines: Array<string> = []
    const logger = Logger.map(formats(false)[format], (line) => void lines.push(line))
    yield* Effect.provide(log, Logger.replace(Logger.defaultLogger, logger))
    expect(lines).toHaveLength(1)
    return lines[0]!
  })

const NO_TEXT = /(?!\n)[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u

describe("a log line with what somebody else made", () => {
  for (const format of ["json", "ens2", "pretty"] as const)
    for (const [way, log] of Object.entries(WAYS))
      it.effect(`stays a line in ${format}, and fails nobody: ${way}`, () =>
        Effect.gen(function* () {
          for (const [name, value] of Object.entries(VALUES)) {
            const line = yield* lineOf(format, log(value))
            if (format === "json") expect(JSON.parse(line), name).toHaveProperty("message")
            // JSON writes what turns text around as it is: who shows it has to know how.
            const shown = format === "json" ? line.replace(/[\u202a-\u202e\u2066-\u2069]/g, "") : line
            expect(NO_TEXT.exec(shown), name).toBeNull()
            const [first, ...below] = line.split("\n")
            expect(first, name).not.toBe("")
            if (format === "pretty" && way === "a cause") expect(below.join("")).toMatch(/^ {4}/)
            else expect(below, name).toEqual([])
            for (const one of below) expect(one, name).toMatch(/^ {4}/)
            expect(line.length, name).toBeLessThan(200_000)
          }
        })
      )
})
