import { join } from "node:path"
import { Clock, Effect, Redacted } from "effect"
import { hashApiToken } from "../../../layers/crypto/ApiTokenSecret.ts"
import * as LocalMasterKey from "../../../layers/crypto/LocalMasterKey.ts"
import * as MasterKeyCheck from "../../../layers/storage/MasterKeyCheck.ts"
import * as SqliteStorage from "../../../layers/storage/SqliteStorage.ts"
import { Storage } from "../../../layers/storage/Storage.ts"
import type { Credentials } from "../../../schemas/Credentials.ts"
import type { SettingsShape } from "../../../schemas/Settings.ts"
import * as Config from "../../../src/Config.ts"
import { freePorts } from "../../../src/demo/FreePorts.ts"
import type { Check } from "../../../src/doctor/Check.ts"
import { examineWith } from "../../../src/doctor/Doctor.ts"
import { type Finding, lineOf } from "../../../src/doctor/Finding.ts"
import type { MailboxQuestion, Questions } from "../../../src/doctor/Questions.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"

export const NO_QUESTIONS: Questions = {
  configFile: undefined,
  mailbox: undefined,
  tenant: undefined,
  apiToken: undefined,
  offline: false
}

/** Ada's mailbox, with a password unless the credentials say otherwise. */
export const mailboxQuestion = (
  credentials: Partial<Credentials> = { password: "secret" },
  ewsUrl?: string
): MailboxQuestion => ({
  credentials: Redacted.make({ address: "ada@example.com", ...credentials }),
  authType: "Basic",
  hasLogIn: credentials.password !== undefined,
  deviceId: undefined,
  ewsUrl
})

/** The settings of an installation in a directory of its own, where nothing is yet and nobody listens. */
export const installation = Effect.fnUntraced(function* (more: Readonly<Record<string, string>> = {}) {
  const directory = yield* temporaryDirectory
  const [port, adminPort] = yield* freePorts(2)
  return yield* Config.load({
    environment: {
      ENS_DATA_DIR: join(directory, "data"),
      ENS_PORT: String(port),
      ENS_ADMIN_PORT: String(adminPort),
      ...more
    }
  })
})

/** What these checks find there. */
export const look = (
  settings: SettingsShape,
  checks: Check | ReadonlyArray<Check>,
  questions: Partial<Questions> = {}
): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.gen(function* () {
    const findings: Array<Finding> = []
    const watcher = { begins: () => undefined, found: (finding: Finding) => findings.push(finding) }
    yield* examineWith(settings, { ...NO_QUESTIONS, ...questions }, [checks].flat(), watcher)
    return findings
  })

/** The same as lines. */
export const lines = (...args: Parameters<typeof look>): Effect.Effect<string> =>
  Effect.map(look(...args), (findings) => findings.map(lineOf).join("\n"))

/** The catalogue's names of what is wrong. */
export const faults = (findings: ReadonlyArray<Finding>) =>
  findings.filter(({ verdict }) => verdict === "failed").map(({ fault }) => fault)

const databaseOf = ({ databaseUrl }: SettingsShape) => Redacted.value(databaseUrl).slice("file:".length)

/** Does something with the database, which is made with its master key if need be. */
export const inDatabase = <A, E>(
  settings: SettingsShape,
  work: (storage: Storage["Type"]) => Effect.Effect<A, E>
) =>
  Effect.gen(function* () {
    yield* LocalMasterKey.load(settings.masterKey)
    return yield* work(yield* Storage)
  }).pipe(
    Effect.provide(MasterKeyCheck.layer(settings.masterKey)),
    Effect.provide(SqliteStorage.layer(databaseOf(settings))),
    Effect.orDie
  )

/** Makes an API token of a tenant that lists these URLs. */
export const addToken = (
  settings: SettingsShape,
  token: {
    readonly ewsUrls?: ReadonlyArray<string>
    readonly ewsPins?: ReadonlyArray<string>
    readonly tenant?: string
    readonly secret?: string
  } = {}
) =>
  inDatabase(settings, (storage) =>
    Effect.flatMap(Clock.currentTimeMillis, (createdAt) =>
      storage.createToken({
        tenant: token.tenant ?? "default",
        label: "phones",
        hash: hashApiToken(token.secret ?? "ens-test-token"),
        ewsUrls: token.ewsUrls ?? [],
        ewsPins: token.ewsPins ?? [],
        seg: false,
        createdAt
      })
    )
  )
