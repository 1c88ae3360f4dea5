import { closeSync, openSync, readFileSync } from "node:fs"
import { mkdtemp, readFile } from "node:fs/promises"
import { hostname, tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Redacted, TestClock } from "effect"
import { version } from "../../../layers/telemetry/Identity.ts"
import { formats, type LogFormat } from "../../../layers/telemetry/LogFormat.ts"
import * as Logging from "../../../layers/telemetry/Logging.ts"
import * as LogSink from "../../../layers/telemetry/LogSink.ts"
import { settingsOf } from "../../support/CryptoFixture.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"

const ACTIVITY = "7b21cd56-4c45-4a7c-88d9-a7f225cea3b9"
const USER = "1743604ea20cda831dc7aea285e7fdc011ca233caf0fa7d5d926916622dd182d"

/** The lines that the effect logs into a file. */
const logged = (format: LogFormat, effect: Effect.Effect<unknown>, level: "debug" | "warning" = "debug") =>
  Effect.gen(function* () {
    const directory = yield* Effect.promise(() => mkdtemp(join(tmpdir(), "ens-log-")))
    const file = join(directory, "deeper", "ens.log")
    yield* effect.pipe(
      Effect.provide(Logging.layer),
      Effect.provide(settingsOf({ log: { format, level, file } }))
    )
    return (yield* Effect.promise(() => readFile(file, "utf8"))).split("\n").slice(0, -1)
  })

const annotated = Effect.annotateLogs({ activityId: ACTIVITY, userId: USER, logger: "DeviceApi" })

describe("log lines", () => {
  it.effect("ens2: have the legacy form, in UTC", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.UTC(2019, 10, 5, 9, 39, 56, 608))
      const lines = yield* logged(
        "ens2",
        Effect.gen(function* () {
          yield* annotated(Effect.logDebug("Get Public Key request processed."))
          yield* Effect.logWarning("two\r\nlines")
        })
      )
      expect(lines).toEqual([
        expect.stringMatching(
          new RegExp(
            `^2019/11/05 09:39:56\\.608 ${hostname()} ${ACTIVITY} \\[0000000-0000000\\] \\(\\d+\\) Debug DeviceApi User Id:\\[${USER}\\] Get Public Key request processed\\.$`
          )
        ),
        expect.stringMatching(/ 00000000-0000-0000-0000-000000000000 .* Warn ENS User Id:\[\] two \| lines$/)
      ])
    })
  )

  it.effect("json: have the names of the Elastic Common Schema, others apart", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(0)
      const [first, second, third] = yield* logged(
        "json",
        Effect.gen(function* () {
          yield* annotated(
            Effect.annotateLogs(Effect.logInfo("done", "well"), {
              "log.level": "fake",
              message: "fake",
              n: 3
            })
          )
          yield* Effect.logError("bad", Cause.fail(new TypeError("inner")))
          yield* Effect.logWarning("storage failed", new RangeError("outer"))
        })
      )
      expect(JSON.parse(first!)).toEqual({
        "@timestamp": "1970-01-01T00:00:00.000Z",
        "log.level": "info",
        "log.logger": "DeviceApi",
        message: "done well",
        "ecs.version": "8.17.0",
        "service.name": "ens",
        "service.version": version,
        "service.node.name": hostname(),
        "host.name": hostname(),
        "process.pid": process.pid,
        "event.dataset": "ens.log",
        "http.request.id": ACTIVITY,
        "user.hash": USER,
        "labels.log_level": "fake",
        "labels.message": "fake",
        "labels.n": 3
      })
      expect(JSON.parse(second!)).toMatchObject({
        "log.level": "error",
        message: "bad",
        "error.type": "TypeError",
        "error.message": "inner",
        "error.stack_trace": expect.stringContaining("inner")
      })
      expect(JSON.parse(third!)).toMatchObject({
        "log.level": "warning",
        message: "storage failed RangeError: outer",
        "error.type": "RangeError",
        "error.message": "outer"
      })
    })
  )

  it.effect("json: of audit events are events of a dataset of their own", () =>
    Effect.gen(function* () {
      const [line] = yield* logged(
        "json",
        Effect.logInfo("cli:root created token 3", {
          actor: "cli:root@host",
          action: "token.create",
          target: "3",
          outcome: "success"
        }).pipe(Effect.annotateLogs({ logger: "Audit" }))
      )
      expect(JSON.parse(line!)).toMatchObject({
        "log.logger": "Audit",
        "event.dataset": "ens.audit",
        "event.kind": "event",
        "event.category": ["configuration"],
        "event.action": "token.create",
        "event.outcome": "success",
        "user.name": "cli:root@host",
        "labels.target": "3"
      })
    })
  )

  it.effect("take plain objects of a message as details", () =>
    Effect.gen(function* () {
      const [line] = yield* logged(
        "json",
        Effect.annotateLogs(Effect.logInfo("gateway is down", { reason: "ECONNREFUSED", waiting: 3 }), {
          user: "7"
        })
      )
      expect(JSON.parse(line!)).toMatchObject({
        message: "gateway is down",
        "labels.user": "7",
        "labels.reason": "ECONNREFUSED",
        "labels.waiting": 3
      })
    })
  )

  it.effect("pretty: are short, with the cause below", () =>
    Effect.gen(function* () {
      const lines = yield* logged(
        "pretty",
        annotated(Effect.logError("went wrong", Cause.fail(new Error("boom"))))
      )
      expect(lines[0]).toMatch(
        /^\d\d:\d\d:\d\d\.\d{3} ERROR DeviceApi went wrong user=1743604e activity=7b21cd56$/
      )
      expect(lines[1]).toContain("boom")
      expect(lines.join("")).not.toContain("\u001b")
    })
  )

  it.effect("tell of a bug where it is, and not what it says, which may quote a mail", () =>
    Effect.gen(function* () {
      const bug = () => new RangeError("Re: salaries\n    at Re: salaries")
      const both = Cause.parallel(Cause.die(bug()), Cause.die("Re: salaries"))
      for (const format of ["ens2", "json", "pretty"] as const) {
        const text = (yield* logged(format, Effect.logError("went wrong", both))).join("\n")
        expect(text).not.toContain("salaries")
        expect(text).toContain("RangeError")
        expect(text).toContain("Logging.test.ts")
      }
    })
  )

  it.effect("never show what is redacted, wherever it stands", () =>
    Effect.gen(function* () {
      const secret = Redacted.make("s3cret")
      for (const format of Object.keys(formats(false)) as Array<LogFormat>) {
        const lines = yield* logged(
          format,
          Effect.logInfo(secret, { password: secret }).pipe(Effect.annotateLogs({ token: secret }))
        )
        expect(lines.join("\n"), format).not.toContain("s3cret")
        expect(lines.join("\n"), format).toContain("<redacted>")
      }
    })
  )

  it.effect("tell an error's name and what caused it", () =>
    Effect.gen(function* () {
      const error = new Error("outer", { cause: new TypeError("inner") })
      const [line] = yield* logged("json", Effect.logWarning("storage failed in x", error))
      expect(JSON.parse(line!).message).toBe("storage failed in x Error: outer (TypeError: inner)")
    })
  )

  it.effect("below the level are left out", () =>
    Effect.gen(function* () {
      const effect = Effect.zipRight(Effect.logInfo("quiet"), Effect.logWarning("loud"))
      const lines = yield* logged("json", effect, "warning")
      expect(lines.map((line) => JSON.parse(line).message)).toEqual(["loud"])
    })
  )

  it.scoped("that come after the log was closed reach the log and no file that was opened since", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const [log, other] = [join(directory, "ens.log"), join(directory, "other")]
      const write = yield* Effect.scoped(LogSink.toFile(log))
      // Takes the number that the log had.
      const descriptor = openSync(other, "w")
      write("late")
      closeSync(descriptor)
      expect([readFileSync(log, "utf8"), readFileSync(other, "utf8")]).toEqual(["late\n", ""])
    })
  )

  it.effect("a log file that cannot be opened is said at start, with the setting's name", () =>
    Effect.gen(function* () {
      const error = yield* Effect.void.pipe(
        Effect.provide(Logging.layer),
        Effect.provide(settingsOf({ log: { format: "json", level: "info", file: "/dev/null/ens.log" } })),
        Effect.flip
      )
      expect(error.message).toMatch(/^ENS_LOG_FILE: \/dev\/null\/ens\.log cannot be written \(E\w+\)/)
    })
  )
})
