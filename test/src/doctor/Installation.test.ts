import { randomBytes } from "node:crypto"
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { hashApiToken } from "../../../layers/crypto/ApiTokenSecret.ts"
import { Storage } from "../../../layers/storage/Storage.ts"
import { dataDirectory } from "../../../src/doctor/checks/DataDirectory.ts"
import { keyPool } from "../../../src/doctor/checks/KeyPool.ts"
import { masterKey } from "../../../src/doctor/checks/MasterKeyState.ts"
import { storageState } from "../../../src/doctor/checks/StorageState.ts"
import { subscriptions } from "../../../src/doctor/checks/Subscriptions.ts"
import { tokens } from "../../../src/doctor/checks/Tokens.ts"
import { addSubscriber, addTenant, generation, NOW } from "../../layers/storage/Samples.ts"
import { addToken, faults, inDatabase, installation, lines, look } from "./Clinic.ts"

const LOCAL = [dataDirectory, storageState, masterKey, tokens, keyPool, subscriptions]

describe("an installation", () => {
  it.scopedLive("that is not there yet is nothing wrong, and is not made", () =>
    Effect.gen(function* () {
      const settings = yield* installation()
      const found = yield* look(settings, LOCAL)
      expect(new Set(found.map(({ verdict }) => verdict))).toEqual(new Set(["skipped"]))
      expect(existsSync(settings.dataDir)).toBe(false)
    })
  )

  it.scopedLive("in order is told in a line for each part", () =>
    Effect.gen(function* () {
      const settings = yield* installation()
      yield* addToken(settings, { ewsUrls: ["https://mail.example.com/EWS/Exchange.asmx"] })
      yield* inDatabase(settings, (storage) => storage.addPoolKeys([randomBytes(16)]))
      const text = yield* lines(settings, LOCAL)
      expect(text).not.toContain("✖")
      for (const part of [
        "✔ data directory:",
        "mode 0700",
        "✔ disk space:",
        /✔ storage: \S+ens\.db, schema \d+, a write takes \d+ ms/,
        "✔ write-ahead log: 0 MiB",
        "– file lock: nobody",
        /✔ master key: \S+ opens the database/,
        "✔ API tokens: tenant default has 1 token; log-ins go to https://mail.example.com/EWS/Exchange.asmx",
        "✔ key pool: 1 keys wait",
        "✔ subscriptions: none yet"
      ]) {
        expect(text).toMatch(part)
      }
    })
  )

  it.scopedLive.skipIf(process.platform === "win32")("that others can look into is told, with the cure", () =>
    Effect.gen(function* () {
      const settings = yield* installation()
      mkdirSync(settings.dataDir)
      chmodSync(settings.dataDir, 0o755)
      expect(yield* lines(settings, dataDirectory)).toContain(
        `has mode 0755, so other accounts can look into it; run: chmod 700 ${settings.dataDir}`
      )
    })
  )
})

describe("the master key", () => {
  const withDatabase = Effect.gen(function* () {
    const settings = yield* installation()
    yield* addToken(settings)
    return { settings, file: (settings.masterKey as { readonly file: string }).file }
  })

  it.scopedLive("that is gone is told, and no other is made", () =>
    Effect.gen(function* () {
      const { file, settings } = yield* withDatabase
      rmSync(file)
      expect(yield* lines(settings, masterKey)).toMatch(/✖ master key: .* is gone, .*; restore it/)
      expect(existsSync(file)).toBe(false)
    })
  )

  it.scopedLive("of another database is told", () =>
    Effect.gen(function* () {
      const { file, settings } = yield* withDatabase
      rmSync(file)
      writeFileSync(file, randomBytes(32).toString("base64"), { mode: 0o600 })
      expect(yield* lines(settings, masterKey)).toMatch(/✖ master key: .* does not open .*ens\.db/)
    })
  )

  it.scopedLive("of a database that does not open is not called one that nothing needs", () =>
    Effect.gen(function* () {
      const { settings } = yield* withDatabase
      writeFileSync(Redacted.value(settings.databaseUrl).slice(5), "no database ".repeat(500))
      expect(yield* lines(settings, masterKey)).toMatch(
        /^– master key: .* whether it is the database's cannot be looked up$/
      )
    })
  )

  it.scopedLive.skipIf(process.platform === "win32")("that others can read is told", () =>
    Effect.gen(function* () {
      const { file, settings } = yield* withDatabase
      chmodSync(file, 0o644)
      expect(yield* lines(settings, masterKey)).toMatch(/✖ master key: .*its mode is 0644/)
    })
  )
})

describe("storage", () => {
  it.scopedLive("that is no database is away", () =>
    Effect.gen(function* () {
      const settings = yield* installation()
      mkdirSync(settings.dataDir, { mode: 0o700 })
      writeFileSync(
        Redacted.value(settings.databaseUrl).slice(5),
        "no database, but long enough to be taken for one ".repeat(50)
      )
      const [found, ...others] = yield* look(settings, [storageState, tokens])
      expect(found).toMatchObject({ check: "storage", verdict: "failed" })
      expect(found?.says).toContain("file is not a database")
      expect(others.map(({ verdict }) => verdict)).toEqual(["skipped"])
    })
  )

  it.scopedLive("of a server that does not answer is storage-down, without its password", () =>
    Effect.gen(function* () {
      const settings = yield* installation({
        ENS_DATABASE_URL: "mssql://ens:pass-word-x@127.0.0.1:1/ENS?connectTimeout=500"
      })
      const found = yield* look(settings, storageState)
      expect(faults(found)).toEqual(["storage-down"])
      expect(JSON.stringify(found)).not.toContain("pass-word-x")
    })
  )

  it.scopedLive("of an older schema is not upgraded", () =>
    Effect.gen(function* () {
      const settings = yield* installation()
      yield* addToken(settings)
      const file = Redacted.value(settings.databaseUrl).slice(5)
      const versions = () => {
        const database = new DatabaseSync(file)
        try {
          return database.prepare("SELECT COUNT(*) AS n FROM schema_versions").get()
        } finally {
          database.close()
        }
      }
      const database = new DatabaseSync(file)
      database.exec("DELETE FROM schema_versions WHERE version = (SELECT MAX(version) FROM schema_versions)")
      database.close()
      const before = versions()
      expect(yield* lines(settings, storageState)).toMatch(
        /– storage: .* this version needs \d+; ens migrate/
      )
      expect(versions()).toEqual(before)
    })
  )
})

describe("API tokens", () => {
  it.scopedLive("there must be one of", () =>
    Effect.gen(function* () {
      const settings = yield* installation()
      yield* inDatabase(settings, () => Effect.void)
      expect(yield* lines(settings, tokens)).toMatch(
        /✖ API tokens: there are none.*; make one: ens token create/
      )
    })
  )

  it.scopedLive("that are given are known, or are not; in no case repeated", () =>
    Effect.gen(function* () {
      const settings = yield* installation()
      yield* addToken(settings, { secret: "the-right-token" })
      const known = yield* look(settings, tokens, { apiToken: Redacted.make("the-right-token") })
      expect(known.at(-1)).toEqual({
        check: "API token",
        verdict: "ok",
        says: "the given one is of tenant default"
      })
      const unknown = yield* look(settings, tokens, { apiToken: Redacted.make("the-wrong-token") })
      expect(faults(unknown)).toEqual(["api-token-unknown"])
      expect(JSON.stringify([known, unknown])).not.toMatch(/the-(right|wrong)-token/)
    })
  )

  it.scopedLive("that end soon and are still used are told, and those that have ended count for none", () =>
    Effect.gen(function* () {
      const settings = yield* installation()
      yield* addToken(settings, { secret: "the-old-token" })
      const at = Date.now()
      const next = (name: string, until: number) => ({ hash: hashApiToken(name), createdAt: at, until })
      yield* inDatabase(settings, (storage) =>
        Effect.all([
          storage.rotateToken("1", next("the-new-token", at + 86_400_000)),
          storage.noteTokenUses([{ id: "1", at }])
        ])
      )
      // Shown before it was replaced only.
      expect(yield* lines(settings, tokens)).not.toContain("ends at")
      yield* inDatabase(settings, (storage) => storage.noteTokenUses([{ id: "1", at: at + 1 }]))
      expect(yield* lines(settings, tokens)).toMatch(
        /✖ API tokens: token 1 \(phones\) ends at .* has been used since it was replaced; put the token/
      )
      yield* inDatabase(settings, (storage) => storage.rotateToken("1", next("third", at + 1)))
      const found = yield* look(settings, tokens, { apiToken: Redacted.make("the-old-token") })
      expect(faults(found)).toEqual(["api-token-unknown"])
      expect(found.at(-1)?.says).toContain("the given one, token 1, ended at")
      expect(found[0]?.says).toContain("tenant default has 2 tokens")
      yield* inDatabase(settings, (storage) =>
        Effect.all([storage.revokeToken("2"), storage.revokeToken("3")])
      )
      expect(yield* lines(settings, tokens)).toContain(
        "✖ API tokens: all have ended, so no phone can register"
      )
    })
  )
})

describe("users", () => {
  it.scopedLive("who are lost, and a pool without keys for others, are told", () =>
    Effect.gen(function* () {
      const settings = yield* installation()
      yield* inDatabase(settings, (storage) =>
        Effect.gen(function* () {
          const user = yield* Effect.provideService(lostUser, Storage, storage)
          yield* storage.saveLinks([
            { user, generation: generation(1), link: "Lost", linkSince: NOW, nudges: 0 }
          ])
        })
      )
      const found = yield* look(settings, [keyPool, subscriptions])
      expect(faults(found)).toEqual(["key-pool-empty", "subscription-lost"])
    })
  )
})

describe("subscriptions", () => {
  it.scopedLive("that a host accepted and never called back for are callbacks-missing, by its name", () =>
    Effect.gen(function* () {
      const settings = yield* installation()
      yield* inDatabase(settings, (storage) => Effect.provideService(lostUser, Storage, storage))
      const found = yield* look(settings, subscriptions)
      expect(faults(found)).toEqual(["callbacks-missing"])
      expect(found.at(-1)?.says).toContain("none of the 1 subscriptions at mail.example.com is called back")
    })
  )

  it.scopedLive("that were called back and are no more are subscription-lost", () =>
    Effect.gen(function* () {
      const settings = yield* installation()
      yield* inDatabase(settings, (storage) =>
        Effect.gen(function* () {
          const user = yield* Effect.provideService(lostUser, Storage, storage)
          const { rows } = yield* storage.subscriptions(undefined, 10)
          const { hot, subscribedAt } = rows[0]!
          yield* storage.saveHot([
            { user, generation: generation(1), hot: { ...hot, lastHeard: subscribedAt + 3_600_000 } }
          ])
          yield* storage.saveLinks([
            { user, generation: generation(1), link: "Overdue", linkSince: NOW, nudges: 0 }
          ])
        })
      )
      const found = yield* look(settings, subscriptions)
      expect(faults(found)).toEqual(["subscription-lost"])
      expect(found.at(-1)?.says).toContain("all 1 subscriptions at mail.example.com were called back")
    })
  )
})

const lostUser = Effect.gen(function* () {
  return yield* addSubscriber(yield* addTenant("acme"), "ada")
})
