import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { adviceOf } from "../../../layers/storage/SqliteAdvice.ts"
import * as SqliteStorage from "../../../layers/storage/SqliteStorage.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"

const opened = (file: string) =>
  Effect.map(Effect.flip(Effect.scoped(Layer.build(SqliteStorage.layer(file)))), ({ message }) => message)

it.scopedLive("says of a database that cannot be opened which one it is, why, and what to do", () =>
  Effect.gen(function* () {
    const directory = yield* temporaryDirectory
    const file = (name: string) => join(directory, name)
    writeFileSync(file("text"), "these are no pages of a database\n".repeat(200))
    expect(yield* opened(file("text"))).toMatch(
      /^storage failed in open: .*text is no database, or damaged; restore it from a backup/
    )
    mkdirSync(file("directory"))
    expect(yield* opened(file("directory"))).toMatch(/directory: it cannot be made or opened \(EISDIR\)/)
    expect(yield* opened(file("text/ens.db"))).toMatch(/ENS_DATA_DIR or ENS_DATABASE_URL$/)
  })
)

it("knows rights, full disks and locks", () => {
  const errno = (code: string) => Object.assign(new Error("x"), { code })
  const sqlite = (errcode: number) => Object.assign(new Error("x"), { errcode })
  expect(adviceOf("/d/ens.db", errno("EACCES"))).toMatch(/may not write it .*\(EACCES\); correct the rights/)
  expect(adviceOf("/d/ens.db", sqlite(1544))).toContain("may not write it")
  expect(adviceOf("/d/ens.db", errno("ENOSPC"))).toContain("the disk is full")
  expect(adviceOf("/d/ens.db", sqlite(5))).toContain("another process keeps it locked")
  expect(adviceOf("/d/ens.db", sqlite(1))).toBe("/d/ens.db: x")
})
