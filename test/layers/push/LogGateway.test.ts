import { mkdir, mkdtemp, readFile, rm, stat } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as LogGateway from "../../../layers/push/LogGateway.ts"
import { notification } from "../../support/Notifications.ts"
import { gatewaySuite } from "./GatewaySuite.ts"

const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "ens-push-log-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

const linesOf = (file: string) =>
  Effect.promise(async () =>
    (await readFile(file, "utf8"))
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line))
  )

gatewaySuite("log", ["not writable"], (trouble) =>
  Effect.gen(function* () {
    const file = join(yield* folder, "push.log")
    const gateway = yield* LogGateway.make({ file })
    const arrived = linesOf(file).pipe(
      Effect.map((lines) => lines.map(({ at: _, ...rest }) => rest)),
      Effect.catchAllCause(() => Effect.succeed([]))
    )
    // Also root cannot append to a folder.
    const spoil = Effect.promise(() => rm(file).then(() => mkdir(file)))
    const heal = Effect.promise(() => rm(file, { recursive: true }))
    if (trouble) yield* spoil
    return { gateway, arrived, heal }
  })
)

describe("the push log", () => {
  it.scoped("has a line per notification with exactly its fields, and is the owner's alone", () =>
    Effect.gen(function* () {
      const file = join(yield* folder, "push.log")
      const gateway = yield* LogGateway.make({ file })
      yield* gateway.send([notification(1), notification(2, { platform: "Android" })])
      yield* gateway.send([notification(3)])
      const lines = yield* linesOf(file)
      expect(lines).toHaveLength(3)
      expect(lines[0]).toEqual({
        at: "1970-01-01T00:00:00.000Z",
        deviceToken: "token-1",
        deviceType: "iOS",
        payload: notification(1).payload
      })
      expect((yield* Effect.promise(() => stat(file))).mode & 0o777).toBe(0o600)
    })
  )

  it.scoped("that cannot be written stops the start, and says which setting to correct", () =>
    Effect.gen(function* () {
      const file = join(yield* folder, "missing", "push.log")
      const error = yield* Effect.flip(LogGateway.make({ file }))
      expect(error.message).toContain("ENOENT")
      expect(error.message).toContain("ENS_PUSH_LOG_FILE")
    })
  )

  it.scoped("without a file tells kind and platform, and nothing else", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const gateway = yield* LogGateway.make({ line: (line) => lines.push(line) })
      const verdicts = yield* gateway.send([notification(1), notification(2, { platform: "Android" })])
      expect(verdicts.map((verdict) => verdict._tag)).toEqual(["Delivered", "Delivered"])
      expect(lines).toEqual([
        '{"at":"1970-01-01T00:00:00.000Z","deviceType":"iOS","kind":"newMail"}\n',
        '{"at":"1970-01-01T00:00:00.000Z","deviceType":"Android","kind":"newMail"}\n'
      ])
    })
  )
})
