import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import * as LocalMasterKey from "../../../layers/crypto/LocalMasterKey.ts"
import type { MasterKey } from "../../../layers/crypto/MasterKey.ts"
import { openText, sealText } from "../../../layers/crypto/SealedText.ts"
import { POOL_CONTEXT } from "../../../layers/crypto/UserKeyring.ts"
import * as FileLock from "../../../layers/ownership/FileLock.ts"
import { layerAll } from "../../../layers/ownership/Ownership.ts"
import { encodeRotation, ROTATION, RotationState } from "../../../layers/storage/RotationState.ts"
import * as SqliteStorage from "../../../layers/storage/SqliteStorage.ts"
import { Storage } from "../../../layers/storage/Storage.ts"
import { StorageError } from "../../../schemas/StorageError.ts"
import * as Config from "../../../src/Config.ts"
import { keysAtHand } from "../../../src/cli/RotationPlan.ts"
import { asText } from "../../../src/cli/RotationReport.ts"
import { sealAnew } from "../../../src/cli/SealedAnew.ts"
import { rotate } from "../../../src/cli/SecretRotate.ts"
import { ens, settingsFile } from "../../support/CommandLine.ts"
import { ensProcess } from "../../support/EnsProcess.ts"

type Master = MasterKey["Type"]
const PASSWORD = "correct-horse-battery"

/** An installation that was used, with secrets sealed in its config file, and pool keys to be wrapped anew. */
const setUp = Effect.gen(function* () {
  const { config, dataDir, database, directory } = yield* settingsFile()
  expect((yield* ens("token", "create", "--label", "phones", "--config", config)).ok).toBe(true)
  const keyFile = join(dataDir, "master.key")
  const master = yield* LocalMasterKey.read({ file: keyFile })
  const seal = (text: string) => sealText(master, Redacted.make(text))
  const proxyFile = join(directory, "proxy")
  writeFileSync(proxyFile, `${seal("http://me:secret@proxy.example.com:3128")}\n`)
  // Formatted as people do.
  const text = `{\n  "ENS_DATA_DIR": ${JSON.stringify(dataDir)},\n\n  "ENS_CNS_CERT_PASSWORD": "${seal(PASSWORD)}",\n  "ENS_CNS_PROXY_URL_FILE": ${JSON.stringify(proxyFile)} }\n`
  writeFileSync(config, text)
  chmodSync(config, 0o640)
  yield* withStorage(database, (storage) =>
    storage.addPoolKeys(["a", "b", "c"].map((key) => master.wrap(Buffer.from(key), POOL_CONTEXT)))
  )
  return { config, dataDir, database, directory, keyFile, master, proxyFile, seal }
})

const withStorage = <A, E>(database: string, use: (storage: Storage["Type"]) => Effect.Effect<A, E>) =>
  Effect.scoped(Effect.provide(Effect.flatMap(Storage, use), SqliteStorage.layer(database)))

const poolKeys = (database: string, master: Master) =>
  withStorage(database, (storage) =>
    Effect.gen(function* () {
      const texts: Array<string> = []
      for (const { wrapped } of yield* storage.wrappedKeys("pool", undefined, 100)) {
        const plain = yield* Effect.option(master.unwrap(wrapped, POOL_CONTEXT))
        if (plain._tag === "Some") texts.push(plain.value.toString())
      }
      return texts
    })
  )

const formerIn = (dataDir: string) =>
  readdirSync(dataDir)
    .filter((name) => name.endsWith(".old"))
    .map((name) => join(dataDir, name))

/** The database as it is when the rotation that is noted in the old key's file was killed at its very end. */
const noteUnfinished = (storage: Storage["Type"], from: Master, to: Master, old: string) => {
  const startedAt = Date.parse(/replaced on (\S+?)\./.exec(old)?.[1] ?? "")
  const state = new RotationState({ from: from.checkValue, to: to.checkValue, startedAt, step: "files" })
  return storage.changeMeta({ put: { [ROTATION]: encodeRotation(state) }, drop: [] })
}

/** All that must be true after a rotation. */
const isRotated = Effect.fnUntraced(function* ({
  config,
  dataDir,
  database,
  keyFile,
  master,
  proxyFile
}: Effect.Effect.Success<typeof setUp>) {
  const now = yield* LocalMasterKey.read({ file: keyFile })
  assert.notDeepEqual(now.checkValue, master.checkValue)
  expect(yield* poolKeys(database, now)).toEqual(["a", "b", "c"])
  expect(yield* poolKeys(database, master)).toEqual([])
  assert.isFalse(existsSync(`${keyFile}.next`))
  const [former = "", ...more] = formerIn(dataDir)
  expect(more).toEqual([])
  expect(statSync(former).mode & 0o777).toBe(0o600)
  expect(readFileSync(former, "utf8")).toMatch(
    /^# This master key was replaced on \d{4}-.*Backups.*\n[A-Za-z0-9+/]{43}=\n$/
  )
  expect((yield* LocalMasterKey.read({ file: former })).checkValue).toEqual(master.checkValue)
  // The service starts from here: settings open, the database takes the key.
  const settings = yield* Config.load({ file: config, environment: {}, purpose: "administer" })
  expect(settings.cns.certPassword && Redacted.value(settings.cns.certPassword)).toBe(PASSWORD)
  expect(settings.cns.proxyUrl && Redacted.value(settings.cns.proxyUrl)).toContain("me:secret@")
  const text = readFileSync(config, "utf8")
  expect(text).toMatch(/^\{\n {2}"ENS_DATA_DIR": .*,\n\n {2}"ENS_CNS_CERT_PASSWORD": "sealed:.*",\n .* \}\n$/)
  expect(statSync(config).mode & 0o777).toBe(0o640)
  expect(readFileSync(proxyFile, "utf8")).toMatch(/^sealed:\S+\n$/)
  expect((yield* ens("token", "list", "--config", config)).ok).toBe(true)
})

describe("ens secret seal", () => {
  it.scopedLive("prints what the setting can be instead of the secret, which is nowhere else", () =>
    Effect.gen(function* () {
      const { config, dataDir, keyFile } = yield* settingsFile().pipe(
        Effect.map((made) => ({ ...made, keyFile: join(made.dataDir, "master.key") }))
      )
      const first = yield* ensProcess(["secret", "seal", "--config", config], `${PASSWORD}\n`)
      expect(first).toMatchObject({ code: 0, out: expect.stringMatching(/^sealed:[\w-]+\n$/) })
      expect(first.err).toContain(`there was no master key, so one is made: ${keyFile}`)
      const second = yield* ensProcess(["secret", "seal", "--json", "--config", config], PASSWORD)
      expect(second).toMatchObject({ code: 0, err: "" })
      const key = yield* LocalMasterKey.read({ file: keyFile })
      for (const sealed of [first.out.trim(), JSON.parse(second.out).sealed]) {
        expect(Redacted.value(yield* openText(key, sealed))).toBe(PASSWORD)
        assert.notInclude(first.out + first.err + second.out, PASSWORD)
      }
      writeFileSync(config, JSON.stringify({ ENS_DATA_DIR: dataDir, ENS_TLS_PFX_PASSWORD: first.out.trim() }))
      const shown = yield* ensProcess(["config", "--json", "--config", config])
      expect(JSON.parse(shown.out)).toMatchObject({ ENS_TLS_PFX_PASSWORD: "<redacted>" })
      assert.notInclude(shown.out, "sealed:")
    })
  )

  it.scopedLive("refuses what is no secret, and works while other settings are broken", () =>
    Effect.gen(function* () {
      const { config, dataDir } = yield* settingsFile()
      for (const input of [" \n", "two\nlines", "sealed:AAAA"])
        expect((yield* ensProcess(["secret", "seal", "--config", config], input)).code).toBe(1)
      assert.isFalse(existsSync(dataDir))
      writeFileSync(config, JSON.stringify({ ENS_DATA_DIR: dataDir, ENS_CNS_CERT_PASSWORD: "sealed:broken" }))
      expect((yield* ensProcess(["secret", "seal", "--config", config], "secret")).code).toBe(0)
    })
  )
})

describe("ens secret rotate", () => {
  it.scopedLive("puts a new key in place: database, key file, config file and files of settings", () =>
    Effect.gen(function* () {
      const all = yield* setUp
      const done = yield* ens("secret", "rotate", "--config", all.config)
      expect(done).toMatchObject({ ok: true, err: "" })
      expect(done.out).toContain("3 keys are wrapped by the new master key")
      expect(done.out).toContain(formerIn(all.dataDir)[0])
      assert.notMatch(done.out, new RegExp(`${PASSWORD}|me:secret`))
      yield* isRotated(all)
    })
  )

  it.scopedLive("prints sealed settings of the environment anew", () =>
    Effect.gen(function* () {
      const all = yield* setUp
      const ENS_EWS_PROXY_URL = all.seal("http://me:other@proxy.example.com:3128")
      const args = ["secret", "rotate", "--json", "--config", all.config]
      const done = yield* ensProcess(args, "", { ENS_EWS_PROXY_URL })
      expect(done).toMatchObject({ code: 0, err: "" })
      const report = JSON.parse(done.out)
      expect(report).toMatchObject({
        masterKeyFile: all.keyFile,
        inPlace: true,
        resumed: false,
        keys: { pool: 3, unreadable: 0 },
        settingsReplaced: 2
      })
      const now = yield* LocalMasterKey.read({ file: all.keyFile })
      expect(Object.keys(report.settings)).toEqual(["ENS_EWS_PROXY_URL"])
      expect(Redacted.value(yield* openText(now, report.settings.ENS_EWS_PROXY_URL))).toContain("me:other@")
      yield* isRotated(all)
    })
  )

  it.scopedLive("with the key in ENS_MASTER_KEY makes the new one in the file that is named", () =>
    Effect.gen(function* () {
      const { database, dataDir, directory, keyFile, master } = yield* setUp
      const environment = { ENS_DATA_DIR: dataDir, ENS_MASTER_KEY: readFileSync(keyFile, "utf8").trim() }
      rmSync(keyFile)
      const unnamed = yield* ensProcess(["secret", "rotate"], "", environment)
      expect(unnamed.err).toContain("--new-key-file FILE")
      const file = join(directory, "new.key")
      const done = yield* ensProcess(["secret", "rotate", "--new-key-file", file], "", environment)
      expect(done).toMatchObject({ code: 0, err: "" })
      expect(done.out).toContain(`The new master key is in ${file}. Give it to ENS in place of the old one`)
      expect(yield* poolKeys(database, yield* LocalMasterKey.read({ file }))).toEqual(["a", "b", "c"])
      expect(yield* poolKeys(database, master)).toEqual([])
      const old = yield* ensProcess(["token", "list"], "", environment)
      expect(old.err).toContain("the master key does not open")
      const ENS_MASTER_KEY = readFileSync(file, "utf8").trim()
      expect((yield* ensProcess(["token", "list"], "", { ...environment, ENS_MASTER_KEY })).code).toBe(0)
    })
  )

  it.scopedLive("leaves a record for auditors, and one of an attempt that failed, with no key in them", () =>
    Effect.gen(function* () {
      const { config, database, keyFile } = yield* setUp
      const present = readFileSync(keyFile, "utf8").trim()
      expect((yield* ens("secret", "rotate", "--config", config, "--new-key-file", keyFile)).ok).toBe(false)
      expect((yield* ens("secret", "rotate", "--config", config)).ok).toBe(true)
      const [rotated, refused] = yield* withStorage(database, (storage) => storage.audits(2))
      const record = { action: "secret.rotate", target: "master key", actor: expect.stringMatching(/^cli:/) }
      expect(rotated).toMatchObject({ ...record, outcome: "success" })
      expect(refused).toMatchObject({ ...record, outcome: "failure" })
      for (const key of [present, readFileSync(keyFile, "utf8").trim()])
        expect(JSON.stringify([rotated, refused])).not.toContain(key)
    })
  )

  it.scopedLive("waits for no service that runs: it says so and begins nothing", () =>
    Effect.gen(function* () {
      const { config, database, keyFile } = yield* setUp
      yield* Layer.build(FileLock.layer(database))
      const refused = yield* ens("secret", "rotate", "--config", config)
      expect(refused).toMatchObject({ ok: false, out: "" })
      expect(refused.err).toMatch(/another ens .* has .* open; stop it first/)
      assert.isFalse(existsSync(`${keyFile}.next`))
    })
  )

  it.scopedLive("has nothing to do for a database that no key was used with", () =>
    Effect.gen(function* () {
      const { config, dataDir } = yield* settingsFile()
      yield* LocalMasterKey.load({ file: join(dataDir, "master.key") })
      const refused = yield* ens("secret", "rotate", "--config", config)
      expect(refused.err).toContain("there is nothing to rotate")
    })
  )

  const killed = Effect.fail(new StorageError({ operation: "killed", transient: false, cause: "test" }))

  /** The rotation, killed after it has changed what the database knows of itself so many times. */
  const rotateUntil = (config: string, changes: number, database: string) =>
    Effect.gen(function* () {
      const storage = yield* Storage
      let done = 0
      const mortal: Storage["Type"] = {
        ...storage,
        changeMeta: (change) =>
          Effect.zipRight(
            storage.changeMeta(change),
            Effect.suspend(() => (++done >= changes ? killed : Effect.void))
          ),
        rewrapKeys: (place, batch) =>
          changes === 0
            ? Effect.zipRight(storage.rewrapKeys(place, batch), killed)
            : storage.rewrapKeys(place, batch)
      }
      const error = yield* rotate({ file: config }, undefined, asText).pipe(
        Effect.provideService(Storage, mortal),
        Effect.flip
      )
      expect(error).toMatchObject({ operation: "killed" })
    }).pipe(
      Effect.provide(Layer.provideMerge(SqliteStorage.layer(database), layerAll)),
      Effect.provide(
        Config.layer({ file: config, environment: {}, purpose: "administer", keys: keysAtHand(undefined) })
      ),
      Effect.scoped
    )

  const refuses = (config: string) =>
    Effect.map(ens("token", "list", "--config", config), ({ err, ok }) => {
      expect(ok).toBe(false)
      expect(err).toContain("ens secret rotate")
    })

  for (const [when, changes] of [
    ["it was noted", 1],
    ["the keys were wrapped", 0],
    ["the database had the new key", 2]
  ] as const) {
    it.scopedLive(`killed after ${when}, nothing else opens the database, and it is gone on with`, () =>
      Effect.gen(function* () {
        const all = yield* setUp
        yield* rotateUntil(all.config, changes, all.database)
        yield* refuses(all.config)
        const done = yield* ens("secret", "rotate", "--json", "--config", all.config)
        expect(JSON.parse(done.out)).toMatchObject({ resumed: true, keys: { pool: 3 } })
        yield* isRotated(all)
      })
    )
  }

  it.scopedLive("killed among the files, it is gone on with: settings sealed, key file not replaced", () =>
    Effect.gen(function* () {
      const all = yield* setUp
      yield* rotateUntil(all.config, 2, all.database)
      const to = yield* LocalMasterKey.read({ file: `${all.keyFile}.next` })
      yield* sealAnew({ file: all.config }, { from: all.master, to })
      yield* refuses(all.config)
      expect((yield* ens("secret", "rotate", "--config", all.config)).ok).toBe(true)
      yield* isRotated(all)
    })
  )

  it.scopedLive("killed before its last word, it prints sealed settings of the environment again", () =>
    Effect.gen(function* () {
      const all = yield* setUp
      const ENS_EWS_PROXY_URL = all.seal("http://me:other@proxy.example.com:3128")
      const file = all.config
      // Everything but the end: the key file is replaced, and opens what is in the environment no more.
      const done = yield* ensProcess(["secret", "rotate", "--config", file], "", { ENS_EWS_PROXY_URL })
      expect(done.code).toBe(0)
      const old = readFileSync(formerIn(all.dataDir)[0] ?? "", "utf8")
      const to = yield* LocalMasterKey.read({ file: all.keyFile })
      yield* withStorage(all.database, (storage) => noteUnfinished(storage, all.master, to, old))
      const again = yield* ensProcess(["secret", "rotate", "--json", "--config", file], "", {
        ENS_EWS_PROXY_URL
      })
      expect(again).toMatchObject({ code: 0, err: "" })
      const { settings } = JSON.parse(again.out)
      expect(Redacted.value(yield* openText(to, settings.ENS_EWS_PROXY_URL))).toContain("me:other@")
      yield* isRotated(all)
    })
  )
})
