import { randomBytes } from "node:crypto"
import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, expect, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as LocalMasterKey from "../../../layers/crypto/LocalMasterKey.ts"
import { sealText } from "../../../layers/crypto/SealedText.ts"
import * as Config from "../../../src/Config.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"

const PASSWORD = "correct-horse-battery"
const URL_TEXT = `mssql://ens:${PASSWORD}@db.example.com:1433/ENS`

/** A data directory with a master key. */
const setUp = Effect.gen(function* () {
  const dataDir = yield* temporaryDirectory
  const keyFile = join(dataDir, "master.key")
  const master = yield* LocalMasterKey.load({ file: keyFile })
  const seal = (text: string) => sealText(master, Redacted.make(text))
  const file = (name: string, content: string) => {
    writeFileSync(join(dataDir, name), content)
    return join(dataDir, name)
  }
  return { dataDir, keyFile, seal, file }
})

const problemsOf = (environment: Record<string, string>, options: Config.Options = {}) =>
  Effect.map(Effect.flip(Config.load({ environment, ...options })), ({ problems }) => problems)

it.scoped("a sealed secret is opened wherever it stands: environment, config file, file of its own", () =>
  Effect.gen(function* () {
    const { dataDir, file, seal } = yield* setUp
    const config = file("settings.json", JSON.stringify({ ENS_CNS_CERT_PASSWORD: seal("from the file") }))
    const settings = yield* Config.load({
      file: config,
      environment: {
        ENS_DATA_DIR: dataDir,
        ENS_DATABASE_URL: seal(URL_TEXT),
        ENS_EWS_PROXY_URL_FILE: file("proxy", `${seal("http://me:secret@proxy.example.com:3128")}\n`)
      }
    })
    expect(Redacted.value(settings.databaseUrl)).toBe(URL_TEXT)
    expect(settings.cns.certPassword && Redacted.value(settings.cns.certPassword)).toBe("from the file")
    expect(settings.ewsProxyUrl && Redacted.value(settings.ewsProxyUrl)).toBe(
      "http://me:secret@proxy.example.com:3128"
    )
    const shown = JSON.stringify(Config.describe(settings))
    for (const secret of [PASSWORD, "from the file", "me:secret", "sealed:"])
      assert.notInclude(shown.replace(/"how credentials[^"]*"/, ""), secret)
  })
)

it.scoped("the key is found where the settings say, or is the setting itself", () =>
  Effect.gen(function* () {
    const { dataDir, keyFile, seal } = yield* setUp
    const sealed = seal(URL_TEXT)
    const elsewhere = { ENS_DATABASE_URL: sealed, ENS_MASTER_KEY_FILE: keyFile }
    expect(Redacted.value((yield* Config.load({ environment: elsewhere })).databaseUrl)).toBe(URL_TEXT)
    const raw = randomBytes(32)
    const ENS_MASTER_KEY = raw.toString("base64")
    const other = sealText(LocalMasterKey.make(raw), Redacted.make(URL_TEXT))
    const environment = { ENS_DATA_DIR: dataDir, ENS_DATABASE_URL: other, ENS_MASTER_KEY }
    expect(Redacted.value((yield* Config.load({ environment })).databaseUrl)).toBe(URL_TEXT)
  })
)

it.scoped("what cannot be opened is told apart, and quotes nothing", () =>
  Effect.gen(function* () {
    const { dataDir, file, keyFile, seal } = yield* setUp
    const foreign = sealText(LocalMasterKey.make(randomBytes(32)), Redacted.make(URL_TEXT))
    const damaged = seal(URL_TEXT).slice(0, -6)
    const problems = yield* problemsOf({
      ENS_DATA_DIR: dataDir,
      ENS_DATABASE_URL: foreign,
      ENS_CNS_CERT_PASSWORD: damaged
    })
    expect([...problems].sort()).toEqual([
      "ENS_CNS_CERT_PASSWORD cannot be opened: it is damaged (characters are missing or changed); seal it again: ens secret seal",
      "ENS_DATABASE_URL cannot be opened: it was sealed with another master key; seal it again: ens secret seal"
    ])
    file("master.key.next", "")
    const [during] = yield* problemsOf({ ENS_MASTER_KEY_FILE: keyFile, ENS_DATABASE_URL: foreign })
    expect(during).toContain("a rotation of the master key was not finished; run: ens secret rotate")
  })
)

it.scoped("a missing key file is reported, and not made", () =>
  Effect.gen(function* () {
    const { seal } = yield* setUp
    const ENS_DATA_DIR = join(yield* temporaryDirectory, "new")
    const problems = yield* problemsOf({ ENS_DATA_DIR, ENS_DATABASE_URL: seal(URL_TEXT) })
    expect(problems).toEqual([
      expect.stringMatching(
        /^ENS_DATABASE_URL: sealed, and the master key from .*new\/master\.key cannot be used: there is no such file/
      )
    ])
    assert.isFalse(existsSync(ENS_DATA_DIR))
  })
)

it.scoped("a setting that is no secret, and the master key, cannot be sealed", () =>
  Effect.gen(function* () {
    const { dataDir, seal } = yield* setUp
    const problems = yield* problemsOf({
      ENS_DATA_DIR: dataDir,
      ENS_PORT: seal("8080"),
      ENS_MASTER_KEY: seal(randomBytes(32).toString("base64")),
      ENS_CNS_CERT_PASSWORD: seal("x")
    })
    expect(problems).toEqual([
      "ENS_MASTER_KEY cannot be sealed, because it is what opens sealed settings; give it as it is",
      "ENS_PORT is sealed, but is no secret; give its value as it is"
    ])
  })
)

it.scoped("a sealed value that is malformed inside says what it must be, not what it is", () =>
  Effect.gen(function* () {
    const { dataDir, seal } = yield* setUp
    const problems = yield* problemsOf({ ENS_DATA_DIR: dataDir, ENS_CNS_PROXY_URL: seal("ftp://hidden") })
    expect(problems).toHaveLength(1)
    assert.notInclude(problems[0], "hidden")
  })
)
