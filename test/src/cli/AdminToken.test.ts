import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { hostname, userInfo } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { hashApiToken } from "../../../layers/crypto/ApiTokenSecret.ts"
import * as SqliteStorage from "../../../layers/storage/SqliteStorage.ts"
import { Storage } from "../../../layers/storage/Storage.ts"
import { ens, settingsFile, tenantOf } from "../../support/CommandLine.ts"

const stored = <A, E>(database: string, ask: (storage: Storage["Type"]) => Effect.Effect<A, E>) =>
  Effect.provide(Effect.flatMap(Storage, ask), SqliteStorage.layer(database))

const opens = (database: string, token: string) =>
  stored(database, (storage) => storage.adminTokenOf(hashApiToken(token)))

describe("an admin token", () => {
  it.scopedLive("is made, printed once, listed with those of phones, and revoked", () =>
    Effect.gen(function* () {
      const { config, database } = yield* settingsFile()
      const token = (...args: ReadonlyArray<string>) => ens("token", ...args, "--config", config)
      const made = yield* token("create", "--admin", "--label", "Ada")
      const [secret = ""] = made.out.split("\n")
      expect(secret).toMatch(/^ensadm-[\w-]{43}$/)
      expect(made.out).toContain("This is admin token admin-1 (Ada). It is not shown again.")
      expect(made.out).toContain("http://127.0.0.1:8081/console")
      expect(Option.getOrThrow(yield* opens(database, secret)).label).toBe("Ada")
      // It is no key to the device API.
      expect(yield* tenantOf(database, secret)).toBeUndefined()

      yield* token("create", "--label", "phones")
      const listed = yield* token("list")
      expect(listed.out).toMatch(/^1 +default +phones /m)
      expect(listed.out).toMatch(/^admin-1 +\(console\) +Ada /m)
      expect(listed.out).not.toContain(secret)
      expect(JSON.parse((yield* token("list", "--json")).out)).toMatchObject([
        { id: "1", tenant: "default" },
        { id: "admin-1", admin: true, label: "Ada" }
      ])

      expect((yield* token("revoke", "admin-1")).out).toBe(
        "admin token admin-1 is revoked; it opens the console no more"
      )
      expect(yield* opens(database, secret)).toEqual(Option.none())
      expect(yield* token("revoke", "admin-1")).toMatchObject({
        ok: false,
        err: "ens: there is no token admin-1; see: ens token list"
      })
      // The API token of the same number stays.
      expect(JSON.parse((yield* token("list", "--json")).out)).toHaveLength(1)
    })
  )

  it.scopedLive("that is pasted in place of its id is shown to nobody, and opens what it opened", () =>
    Effect.gen(function* () {
      const { config, database } = yield* settingsFile()
      const made = yield* ens("token", "create", "--admin", "--label", "Ada", "--config", config)
      const [secret = ""] = made.out.split("\n")
      const { err, exitCode } = yield* ens("token", "revoke", secret, "--config", config)
      expect({ err, exitCode }).toEqual({
        err: expect.stringContaining("as ens token list shows it"),
        exitCode: 1
      })
      expect(err).not.toContain(secret)
      expect(Option.isSome(yield* opens(database, secret))).toBe(true)
    })
  )

  it.scopedLive("is JSON for programs, and takes no options of API tokens", () =>
    Effect.gen(function* () {
      const { config, dataDir } = yield* settingsFile()
      const create = (...args: ReadonlyArray<string>) =>
        ens("token", "create", "--admin", "--label", "Ada", "--config", config, ...args)
      expect(yield* create("--tenant", "default", "--seg")).toMatchObject({
        ok: false,
        err: "ens: not with --admin, but for API tokens: --tenant, --seg"
      })
      expect(existsSync(dataDir)).toBe(false)
      expect(JSON.parse((yield* create("--json")).out)).toEqual({
        id: "admin-1",
        label: "Ada",
        token: expect.stringMatching(/^ensadm-/)
      })
    })
  )
})

describe("a command that changes something", () => {
  it.scopedLive("leaves an audit record of its success or failure, without anything secret", () =>
    Effect.gen(function* () {
      const files = yield* settingsFile()
      const auditFile = join(files.directory, "audit.json")
      writeFileSync(files.config, JSON.stringify({ ENS_DATA_DIR: files.dataDir, ENS_AUDIT_FILE: auditFile }))
      const run = (...args: ReadonlyArray<string>) => ens(...args, "--config", files.config)
      const { token } = JSON.parse((yield* run("token", "create", "--label", "phones", "--json")).out)
      yield* run("token", "create", "--admin", "--label", "Ada")
      yield* run("token", "revoke", "admin-1")
      yield* run("token", "revoke", token)
      yield* run("pin", "remove", "00000000")

      const actor = `cli:${userInfo().username}@${hostname()}`
      const records = yield* stored(files.database, (storage) => storage.audits(10))
      expect(records.map(({ action, outcome, target }) => [action, target, outcome]).reverse()).toEqual([
        ["token.create", "1", "success"],
        ["token.create", "admin-1", "success"],
        ["token.revoke", "admin-1", "success"],
        ["token.revoke", "", "failure"],
        ["pin.remove", "", "failure"]
      ])
      expect(records.every((record) => record.actor === actor)).toBe(true)
      const lines = readFileSync(auditFile, "utf8")
      expect(lines.trimEnd().split("\n")).toHaveLength(5)
      expect(lines).not.toMatch(/ens_|ensadm-/)
    })
  )

  it.scopedLive(
    "leaves its record in the file if storage does not open, and makes no database for pins",
    () =>
      Effect.gen(function* () {
        const files = yield* settingsFile()
        const auditFile = join(files.directory, "audit.json")
        const settings = (database: string) =>
          writeFileSync(
            files.config,
            JSON.stringify({
              ENS_DATA_DIR: files.directory,
              ENS_AUDIT_FILE: auditFile,
              ENS_DATABASE_URL: `file:${database}`
            })
          )
        const nowhere = join(files.config, "no", "ens.db")
        settings(nowhere)
        expect((yield* ens("token", "create", "--label", "x", "--config", files.config)).ok).toBe(false)
        const none = join(files.directory, "none.db")
        settings(none)
        yield* ens("pin", "remove", "00000000", "--config", files.config)
        expect(existsSync(none)).toBe(false)
        const actions = readFileSync(auditFile, "utf8").trimEnd().split("\n")
        expect(actions.map((line) => JSON.parse(line)["event.action"])).toEqual([
          "token.create",
          "pin.remove"
        ])
      })
  )
})
