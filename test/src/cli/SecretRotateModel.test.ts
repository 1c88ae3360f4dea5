import { randomUUID } from "node:crypto"
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, expect, it } from "@effect/vitest"
import { Effect, FastCheck as fc, Layer, Option, Redacted } from "effect"
import * as LocalMasterKey from "../../../layers/crypto/LocalMasterKey.ts"
import { MasterKey } from "../../../layers/crypto/MasterKey.ts"
import { openText, sealText } from "../../../layers/crypto/SealedText.ts"
import { firstRing, SERVICE_KEYS, unwrapRing, wrapRing } from "../../../layers/crypto/ServiceKeyRing.ts"
import { POOL_CONTEXT } from "../../../layers/crypto/UserKeyring.ts"
import { layerAll } from "../../../layers/ownership/Ownership.ts"
import * as MasterKeyCheck from "../../../layers/storage/MasterKeyCheck.ts"
import * as MemoryStorage from "../../../layers/storage/MemoryStorage.ts"
import { findRotation, KEY_CHECK } from "../../../layers/storage/RotationState.ts"
import { Storage } from "../../../layers/storage/Storage.ts"
import { StorageError } from "../../../schemas/StorageError.ts"
import * as Config from "../../../src/Config.ts"
import { keysAtHand } from "../../../src/cli/RotationPlan.ts"
import { asJson } from "../../../src/cli/RotationReport.ts"
import { rotate } from "../../../src/cli/SecretRotate.ts"
import { type Fate, filesFail, makeSteps, type Steps } from "../../support/FailingFiles.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"

type Master = MasterKey["Type"]
const PASSWORD = "correct-horse-battery"
const PROXY = "http://me:secret@proxy.example.com:3128"
const POOL = ["a", "b", "c"]

/** What an administrator, or an accident, does between two runs. */
type Meddling = "nothing" | "new key put in place by hand" | "old key put back" | "old key moved aside"

/** A database, a key file, and sealed settings in the config file and in a file of their own. */
const installation = Effect.gen(function* () {
  const directory = yield* temporaryDirectory
  const keyFile = join(directory, "master.key")
  const config = join(directory, "settings.json")
  const proxyFile = join(directory, "proxy")
  const first = yield* LocalMasterKey.load({ file: keyFile })
  const seal = (text: string) => sealText(first, Redacted.make(text))
  writeFileSync(proxyFile, `${seal(PROXY)}\n`)
  const settings = {
    ENS_DATA_DIR: directory,
    ENS_CNS_CERT_PASSWORD: seal(PASSWORD),
    ENS_CNS_PROXY_URL_FILE: proxyFile
  }
  writeFileSync(config, JSON.stringify(settings))
  const storage = yield* Storage
  yield* storage.meta(KEY_CHECK, first.checkValue)
  yield* storage.meta(SERVICE_KEYS, wrapRing(first, firstRing(first)))
  yield* storage.addPoolKeys(POOL.map((key) => first.wrap(Buffer.from(key), POOL_CONTEXT)))
  return { directory, keyFile, config, proxyFile, first }
})
type Installation = Effect.Effect.Success<typeof installation>

/** Storage whose changes are steps, too. */
const failingStorage = (storage: Storage["Type"], steps: Steps): Storage["Type"] => {
  const step = <A>(change: Effect.Effect<A, StorageError>) =>
    Effect.flatten(
      Effect.tryPromise({
        try: () => steps.take(() => Effect.runPromise(Effect.either(change)), new Error("killed")),
        catch: (cause) => new StorageError({ operation: "killed", transient: false, cause })
      })
    )
  return {
    ...storage,
    changeMeta: (change) => step(storage.changeMeta(change)),
    rewrapKeys: (place, batch) => step(storage.rewrapKeys(place, batch))
  }
}

/** `ens secret rotate` as a process that has `steps` to live. What it says has to be replaced by hand, is. */
const run = (installation: Installation, steps: Steps) =>
  Effect.gen(function* () {
    const { config } = installation
    const storage = failingStorage(yield* Storage, steps)
    const console = yield* Effect.consoleWith(Effect.succeed)
    return yield* rotate({ file: config, environment: {} }, undefined, asJson).pipe(
      Effect.withConsole({ ...console, log: (line) => Effect.sync(() => obey(installation, String(line))) }),
      Effect.provideService(Storage, storage),
      Effect.provide(layerAll),
      Effect.provide(
        Config.layer({ file: config, environment: {}, purpose: "administer", keys: keysAtHand(undefined) })
      )
    )
  }).pipe(Effect.either)

const obey = ({ config, proxyFile }: Installation, printed: string) => {
  const { settings } = JSON.parse(printed) as { readonly settings: Readonly<Record<string, string>> }
  const { ENS_CNS_CERT_PASSWORD, ENS_CNS_PROXY_URL } = settings
  if (ENS_CNS_PROXY_URL !== undefined) writeFileSync(proxyFile, ENS_CNS_PROXY_URL)
  const now = JSON.parse(readFileSync(config, "utf8"))
  if (ENS_CNS_CERT_PASSWORD !== undefined)
    writeFileSync(config, JSON.stringify({ ...now, ENS_CNS_CERT_PASSWORD }))
}

const keysIn = ({ directory }: Installation) =>
  Effect.forEach(
    readdirSync(directory).filter((name) => /^master\.key($|\.next$|.*\.old$)/.test(name)),
    (name) => LocalMasterKey.read({ file: join(directory, name) })
  )

const poolOpenedBy = (keys: ReadonlyArray<Master>) =>
  Effect.gen(function* () {
    const found = yield* (yield* Storage).wrappedKeys("pool", undefined, 100)
    const opened = yield* Effect.forEach(found, ({ wrapped }) =>
      Effect.option(Effect.firstSuccessOf(keys.map((key) => key.unwrap(wrapped, POOL_CONTEXT))))
    )
    return opened.flatMap((plain) => (Option.isSome(plain) ? [plain.value.toString()] : []))
  })

/** Nothing is lost, whenever it was killed: a key in some file opens each thing; and no start succeeds that would break. */
const isWhole = Effect.fnUntraced(function* (installation: Installation) {
  const keys = yield* keysIn(installation)
  assert.isTrue(keys.some((key) => Buffer.from(key.checkValue).equals(installation.first.checkValue)))
  expect(yield* poolOpenedBy(keys)).toEqual(POOL)
  const source = { file: installation.config, environment: {} }
  for (const [, { text }] of yield* Config.sealedSettings(source))
    yield* Effect.firstSuccessOf(keys.map((key) => openText(key, text)))
  const present = yield* LocalMasterKey.read({ file: installation.keyFile })
  const checked = yield* Effect.exit(Effect.provideService(MasterKeyCheck.check, MasterKey, present))
  if (checked._tag === "Success") yield* startsWith(installation, present)
})

/** What a start needs is there under this key alone. */
const startsWith = Effect.fnUntraced(function* ({ config }: Installation, present: Master) {
  expect(yield* poolOpenedBy([present])).toEqual(POOL)
  const settings = yield* Config.load({ file: config, environment: {}, purpose: "administer" })
  expect(settings.cns.certPassword && Redacted.value(settings.cns.certPassword)).toBe(PASSWORD)
  expect(settings.cns.proxyUrl && Redacted.value(settings.cns.proxyUrl)).toBe(PROXY)
  yield* unwrapRing(present, yield* Effect.flatten((yield* Storage).findMeta(SERVICE_KEYS)))
})

/** As careful people do it: only while a rotation is noted, and with none of its keys lost. */
const meddle = Effect.fnUntraced(function* ({ directory, keyFile }: Installation, what: Meddling) {
  const rotation = yield* findRotation(yield* Storage)
  const next = `${keyFile}.next`
  if (Option.isNone(rotation) || !existsSync(next)) return
  const aside = () => copyFileSync(keyFile, `${keyFile}.${randomUUID()}.old`)
  if (what === "old key moved aside") aside()
  if (what === "new key put in place by hand") {
    aside()
    copyFileSync(next, keyFile)
  }
  if (what === "old key put back") {
    for (const name of readdirSync(directory).filter((name) => name.endsWith(".old"))) {
      const { checkValue } = yield* LocalMasterKey.read({ file: join(directory, name) })
      if (Buffer.from(checkValue).equals(rotation.value.from)) copyFileSync(join(directory, name), keyFile)
    }
  }
})

const runs = fc.array(
  fc.record({
    at: fc.integer({ min: 1, max: 40 }),
    fate: fc.constantFrom<Fate>("killed before", "killed after", "failed"),
    meddling: fc.constantFrom<Meddling>(
      "nothing",
      "new key put in place by hand",
      "old key put back",
      "old key moved aside"
    )
  }),
  { maxLength: 5 }
)

describe("a rotation of the master key, with all its files", () => {
  it.scopedLive.prop(
    "comes to its end however often it is killed, disk and database fail, and people meddle",
    [runs],
    ([accidents]) =>
      Effect.gen(function* () {
        const made = yield* installation
        const steps = makeSteps()
        for (const { at, fate, meddling } of accidents) {
          steps.arm(at, fate)
          yield* Effect.scoped(Effect.zipRight(filesFail(steps), run(made, steps)))
          yield* isWhole(made)
          yield* meddle(made, meddling)
          yield* isWhole(made)
        }
        steps.arm()
        const last = yield* run(made, steps)
        expect(last).toMatchObject({ _tag: "Right" })
        yield* isWhole(made)
        yield* startsWith(made, yield* LocalMasterKey.read({ file: made.keyFile }))
        assert.isFalse(existsSync(`${made.keyFile}.next`))
      }).pipe(Effect.scoped, Effect.provide(Layer.fresh(MemoryStorage.layer))),
    { fastCheck: { numRuns: 60 } }
  )
})
