import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import { assert, describe, expect, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as LocalMasterKey from "../../../layers/crypto/LocalMasterKey.ts"
import { sealText } from "../../../layers/crypto/SealedText.ts"
import { encodeRotation, ROTATION, RotationState } from "../../../layers/storage/RotationState.ts"
import * as SqliteStorage from "../../../layers/storage/SqliteStorage.ts"
import { Storage } from "../../../layers/storage/Storage.ts"
import * as Config from "../../../src/Config.ts"
import { ens, settingsFile } from "../../support/CommandLine.ts"
import { ensProcess } from "../../support/EnsProcess.ts"

const PASSWORD = "correct-horse-battery"
const PROXY = "http://me:secret@proxy.example.com:3128"

/** An installation that was used. */
const setUp = Effect.gen(function* () {
  const { config, dataDir, database, directory } = yield* settingsFile()
  expect((yield* ens("token", "create", "--label", "phones", "--config", config)).ok).toBe(true)
  const keyFile = join(dataDir, "master.key")
  const master = yield* LocalMasterKey.read({ file: keyFile })
  const seal = (text: string) => sealText(master, Redacted.make(text))
  const configure = (text: string) => writeFileSync(config, text)
  const settings = Config.load({ file: config, environment: {}, purpose: "administer" })
  return { config, dataDir, database, directory, keyFile, master, seal, configure, settings }
})

const formerIn = (dataDir: string) =>
  readdirSync(dataDir)
    .filter((name) => name.endsWith(".old"))
    .map((name) => join(dataDir, name))

describe("ens secret rotate", () => {
  it.scopedLive("seals anew what is still sealed with the key before the last, too", () =>
    Effect.gen(function* () {
      const { config, seal, keyFile } = yield* setUp
      const ENS_EWS_PROXY_URL = seal(PROXY)
      expect((yield* ens("secret", "rotate", "--config", config)).ok).toBe(true)
      // What was printed was not put in place, and the key is replaced again.
      const args = ["secret", "rotate", "--json", "--config", config]
      const done = yield* ensProcess(args, "", { ENS_EWS_PROXY_URL })
      expect(done).toMatchObject({ code: 0, err: "" })
      expect(Object.keys(JSON.parse(done.out).settings)).toEqual(["ENS_EWS_PROXY_URL"])
      assert.notInclude(done.out, "me:secret")
      expect((yield* ens("token", "list", "--config", config)).ok).toBe(true)
      yield* LocalMasterKey.read({ file: keyFile })
    })
  )

  it.scopedLive("begins nothing while a sealed setting cannot be opened", () =>
    Effect.gen(function* () {
      const { config, configure, dataDir, seal } = yield* setUp
      configure(JSON.stringify({ ENS_DATA_DIR: dataDir, ENS_CNS_CERT_PASSWORD: seal(PASSWORD).slice(0, -3) }))
      const refused = yield* ens("secret", "rotate", "--config", config)
      expect(refused).toMatchObject({ ok: false })
      expect(refused.err).toContain("ENS_CNS_CERT_PASSWORD cannot be opened: it is damaged")
      expect(readdirSync(dataDir).filter((name) => /next|old/.test(name))).toEqual([])
    })
  )

  it.scopedLive("prints a setting that stands otherwise in the file than it reads", () =>
    Effect.gen(function* () {
      const { config, configure, dataDir, seal } = yield* setUp
      const escaped = seal(PASSWORD).replace("sealed:", "\\u0073ealed:")
      configure(`{ "ENS_DATA_DIR": ${JSON.stringify(dataDir)}, "ENS_CNS_CERT_PASSWORD": "${escaped}" }`)
      const done = yield* ens("secret", "rotate", "--json", "--config", config)
      expect(done).toMatchObject({ ok: true, err: "" })
      const report = JSON.parse(done.out)
      expect(report.settingsReplaced).toBe(0)
      expect(Object.keys(report.settings)).toEqual(["ENS_CNS_CERT_PASSWORD"])
    })
  )

  it.scopedLive(
    "replaces a sealed text that two settings share, in one file or as an only item of a list",
    () =>
      Effect.gen(function* () {
        const { config, configure, dataDir, directory, seal, settings } = yield* setUp
        const shared = join(directory, "proxy")
        writeFileSync(shared, `\uFEFF${seal(PROXY)}\r\n`)
        const password = seal(PASSWORD)
        configure(
          JSON.stringify({
            ENS_DATA_DIR: dataDir,
            ENS_CNS_PROXY_URL_FILE: shared,
            ENS_EWS_PROXY_URL_FILE: shared,
            ENS_CNS_CERT_PASSWORD: [password],
            ENS_TLS_PFX_PASSWORD: password,
            ENS_TLS_PFX_FILE: "server.pfx"
          })
        )
        const done = yield* ens("secret", "rotate", "--json", "--config", config)
        expect(JSON.parse(done.out)).toMatchObject({ settingsReplaced: 4, settings: {} })
        expect(readFileSync(shared, "utf8")).toMatch(/^\uFEFFsealed:[\w-]+\r\n$/)
        const { cns, ewsProxyUrl, tls } = yield* settings
        for (const [secret, text] of [
          [cns.certPassword, PASSWORD],
          [tls.pfxPassword, PASSWORD],
          [cns.proxyUrl, PROXY],
          [ewsProxyUrl, PROXY]
        ] as const)
          expect(secret && String(Redacted.value(secret))).toContain(text)
      })
  )

  it.scopedLive("brings a backup from before a rotation to the key of today", () =>
    Effect.gen(function* () {
      const { config, configure, dataDir, database, directory, keyFile, seal, settings } = yield* setUp
      configure(JSON.stringify({ ENS_DATA_DIR: dataDir, ENS_CNS_CERT_PASSWORD: seal(PASSWORD) }))
      const backup = join(directory, "backup")
      mkdirSync(backup)
      copyFileSync(database, join(backup, "ens.db"))
      expect((yield* ens("secret", "rotate", "--config", config)).ok).toBe(true)
      copyFileSync(join(backup, "ens.db"), database)
      const refused = yield* ens("token", "list", "--config", config)
      expect(refused.ok).toBe(false)
      expect(refused.err).toMatch(/does not open .*master\.key\.<date>\.old/)
      // As docs/operations/secrets.md says.
      const today = yield* LocalMasterKey.read({ file: keyFile })
      renameSync(keyFile, `${keyFile}.next`)
      copyFileSync(formerIn(dataDir)[0] ?? "", keyFile)
      expect(yield* ens("secret", "rotate", "--config", config)).toMatchObject({ ok: true, err: "" })
      expect((yield* LocalMasterKey.read({ file: keyFile })).checkValue).toEqual(today.checkValue)
      expect((yield* ens("token", "list", "--config", config)).ok).toBe(true)
      const { cns } = yield* settings
      expect(cns.certPassword && Redacted.value(cns.certPassword)).toBe(PASSWORD)
    })
  )
})

describe("ens secret rotate, killed when the database had the new key", () => {
  it.scopedLive("is finished without the old key, if nothing is sealed with that", () =>
    Effect.gen(function* () {
      const { config, configure, dataDir, database, keyFile, master, seal } = yield* setUp
      const sealed = JSON.stringify({ ENS_DATA_DIR: dataDir, ENS_CNS_CERT_PASSWORD: seal(PASSWORD) })
      expect((yield* ens("secret", "rotate", "--config", config)).ok).toBe(true)
      const to = yield* LocalMasterKey.read({ file: keyFile })
      const state = { from: master.checkValue, to: to.checkValue, startedAt: 0, step: "files" } as const
      yield* Effect.flatMap(Storage, (storage) =>
        storage.changeMeta({ put: { [ROTATION]: encodeRotation(new RotationState(state)) }, drop: [] })
      ).pipe(Effect.provide(SqliteStorage.layer(database)), Effect.scoped)
      for (const former of formerIn(dataDir)) rmSync(former)
      const plain = readFileSync(config)
      configure(sealed)
      const refused = yield* ens("secret", "rotate", "--config", config)
      expect(refused.err).toContain("ENS_CNS_CERT_PASSWORD cannot be opened: it was sealed with another")
      writeFileSync(config, plain)
      expect(yield* ens("secret", "rotate", "--config", config)).toMatchObject({ ok: true, err: "" })
      expect((yield* ens("token", "list", "--config", config)).ok).toBe(true)
    })
  )
})

describe("a file of a secret setting", () => {
  it.scopedLive("in UTF-16 is refused", () =>
    Effect.gen(function* () {
      const { config, configure, dataDir, directory, seal, settings } = yield* setUp
      const file = join(directory, "password")
      configure(JSON.stringify({ ENS_DATA_DIR: dataDir, ENS_CNS_CERT_PASSWORD_FILE: file }))
      for (const text of [PASSWORD, seal(PASSWORD)]) {
        writeFileSync(file, Buffer.from(`\uFEFF${text}\r\n`, "utf16le"))
        const { err } = yield* ens("token", "list", "--config", config)
        expect(err).toContain(`ENS_CNS_CERT_PASSWORD_FILE: ${file} is not text in UTF-8`)
        writeFileSync(file, `\uFEFF${text}\r\n`)
        const { cns } = yield* settings
        expect(cns.certPassword && Redacted.value(cns.certPassword)).toBe(PASSWORD)
      }
    })
  )
})

describe("ens secret seal", () => {
  it.scopedLive("seals a secret that begins like a sealed one by chance", () =>
    Effect.gen(function* () {
      const { config, configure, dataDir, settings } = yield* setUp
      const chance = "sealed:with a kiss"
      const sealed = yield* ensProcess(["secret", "seal", "--config", config], chance)
      expect(sealed).toMatchObject({ code: 0, err: "" })
      configure(JSON.stringify({ ENS_DATA_DIR: dataDir, ENS_CNS_CERT_PASSWORD: sealed.out.trim() }))
      const { cns } = yield* settings
      expect(cns.certPassword && Redacted.value(cns.certPassword)).toBe(chance)
      const again = yield* ensProcess(["secret", "seal", "--config", config], sealed.out)
      expect(again.err).toContain("is sealed already")
    })
  )
})
