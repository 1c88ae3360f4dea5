import { randomBytes } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { Clock, Effect } from "effect"
import { hashApiToken } from "../../layers/crypto/ApiTokenSecret.ts"
import * as SqliteStorage from "../../layers/storage/SqliteStorage.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import type { SchemaTooNew, StorageError } from "../../schemas/StorageError.ts"
import { freePorts } from "../../src/demo/FreePorts.ts"
import { temporaryDirectory } from "./TemporaryDirectory.ts"

/** One line of the service's log (`ENS_LOG_FORMAT=json`). */
export interface LogLine {
  readonly at: string
  readonly level: string
  readonly message: string
  readonly activityId: string | undefined
  /** Hashed. */
  readonly user: string | undefined
  /** All of them, by their names in the line. */
  readonly fields: Readonly<Record<string, unknown>>
}

/** What an operator has before the service runs: a data directory, ports, settings and API tokens. */
export interface Installation {
  readonly directory: string
  readonly database: string
  /** Base URL of the device API. */
  readonly baseUrl: string
  readonly port: number
  readonly adminUrl: string
  readonly environment: Readonly<Record<string, string>>
  /** Makes an API token whose tenant lists this URL, or nothing. */
  readonly createToken: (
    ewsUrl: string | undefined,
    tenant?: string,
    ewsPins?: ReadonlyArray<string>
  ) => Effect.Effect<string, StorageError | SchemaTooNew>
  /** The log so far, as text; it stays over restarts. */
  readonly log: () => string
  readonly logLines: () => ReadonlyArray<LogLine>
}

/** A fresh installation in a directory that goes with the scope. Nothing runs yet. */
export const makeInstallation = Effect.fnUntraced(function* (settings: Readonly<Record<string, string>>) {
  const directory = yield* temporaryDirectory
  const [port = 0, adminPort = 0] = yield* freePorts(2)
  const database = join(directory, "ens.db")
  const logFile = join(directory, "ens.log")
  const log = () => (existsSync(logFile) ? readFileSync(logFile, "utf8") : "")
  return {
    directory,
    database,
    baseUrl: `http://127.0.0.1:${port}/MailNotificationService/api/ens`,
    port,
    adminUrl: `http://127.0.0.1:${adminPort}`,
    environment: {
      ENS_PORT: String(port),
      ENS_ADMIN_PORT: String(adminPort),
      ENS_DATA_DIR: directory,
      ENS_LOG_FILE: logFile,
      ENS_LOG_FORMAT: "json",
      ENS_LOG_LEVEL: "trace",
      // A pool of 500 keys would only keep the processor busy.
      ENS_KEYPOOL_BATCH: "2",
      ENS_KEYPOOL_THRESHOLD: "1",
      ...settings
    },
    createToken: (ewsUrl, tenant = "default", ewsPins = []) => createToken(database, ewsUrl, tenant, ewsPins),
    log,
    logLines: () =>
      log()
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => toLine(JSON.parse(line)))
  } satisfies Installation
})

const toLine = (json: Record<string, unknown>): LogLine => ({
  at: String(json["@timestamp"]),
  level: String(json["log.level"]),
  message: String(json["message"]),
  activityId: json["http.request.id"] as string | undefined,
  user: json["user.hash"] as string | undefined,
  fields: json
})

const createToken = (
  database: string,
  ewsUrl: string | undefined,
  tenant: string,
  ewsPins: ReadonlyArray<string>
) =>
  Effect.gen(function* () {
    // Recognisable in a file or a heap: no other text looks like it.
    const token = `ens-e2e-token-${randomBytes(18).toString("base64url")}`
    yield* (yield* Storage).createToken({
      tenant,
      label: "phones",
      hash: hashApiToken(token),
      ewsUrls: ewsUrl === undefined ? [] : [ewsUrl],
      ewsPins: [...ewsPins],
      seg: false,
      createdAt: yield* Clock.currentTimeMillis
    })
    return token
  }).pipe(Effect.provide(SqliteStorage.layer(database)))
