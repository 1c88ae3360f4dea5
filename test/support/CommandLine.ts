import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as NodeContext from "@effect/platform-node/NodeContext"
import { Effect, Option } from "effect"
import { hashApiToken } from "../../layers/crypto/ApiTokenSecret.ts"
import * as SqliteStorage from "../../layers/storage/SqliteStorage.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { run } from "../../src/cli/Command.ts"
import { teardown } from "../../src/cli/ExitCode.ts"
import { temporaryDirectory } from "./TemporaryDirectory.ts"

/** How a command ended, and what it printed. */
export interface Outcome {
  readonly ok: boolean
  readonly exitCode: number
  readonly out: string
  readonly err: string
}

/** Runs `ens …` in this process. */
export const ens = (...args: ReadonlyArray<string>): Effect.Effect<Outcome> =>
  Effect.gen(function* () {
    const lines = { out: [] as Array<string>, err: [] as Array<string> }
    const console = yield* Effect.consoleWith(Effect.succeed)
    const exit = yield* Effect.exit(
      run(["node", "ens", ...args]).pipe(
        Effect.withConsole({
          ...console,
          log: (line) => Effect.sync(() => void lines.out.push(String(line))),
          error: (line) => Effect.sync(() => void lines.err.push(String(line)))
        }),
        Effect.provide(NodeContext.layer)
      )
    )
    let exitCode = 0
    teardown(exit, (code) => {
      exitCode = code
    })
    return { ok: exit._tag === "Success", exitCode, out: lines.out.join("\n"), err: lines.err.join("\n") }
  })

/** A settings file, and a data directory that is not there yet. */
export const settingsFile = (more: Readonly<Record<string, string>> = {}) =>
  Effect.map(temporaryDirectory, (directory) => {
    const dataDir = join(directory, "data")
    const config = join(directory, "settings.json")
    writeFileSync(config, JSON.stringify({ ENS_DATA_DIR: dataDir, ...more }))
    return { directory, dataDir, config, database: join(dataDir, "ens.db") }
  })

/** The tenant that a token opens. */
export const tenantOf = (database: string, token: string) =>
  Effect.flatMap(Storage, (storage) => storage.tenantOfToken(hashApiToken(token))).pipe(
    Effect.map(Option.getOrUndefined),
    Effect.provide(SqliteStorage.layer(database))
  )
