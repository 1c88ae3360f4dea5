import { existsSync, realpathSync, statSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { Effect } from "effect"
import * as MssqlClient from "../../../layers/storage/mssql/MssqlClient.ts"
import type { MssqlConfig } from "../../../layers/storage/mssql/MssqlUrl.ts"
import { toldOf } from "../../../layers/storage/StorageWatch.ts"
import type { Check } from "../Check.ts"
import { failed, faulty, ok, skipped, type Tell } from "../Finding.ts"
import { Patient } from "../Patient.ts"
import { tellSkew } from "./ClockSkew.ts"

/** The database: reachable, of this version, quick to write and to read, and what is special about its kind. */
export const storageState: Check = {
  name: "storage",
  within: 30,
  // A database on another machine is still this installation's own.
  network: false,
  run: (tell) =>
    Effect.gen(function* () {
      const { node, storage } = yield* Patient
      const found = yield* storage
      if (found._tag === "NotYet") return tell(skipped("storage", found.says))
      if (found._tag === "Trouble") {
        const finding = found.transient
          ? faulty("storage", "storage-down", found.says)
          : failed("storage", found.says)
        return tell(finding)
      }
      const { database, storage: store, version } = found
      const write = yield* timed(
        Effect.zipRight(
          store.changeMeta({ put: { [PROBE]: new Uint8Array(1) }, drop: [] }),
          store.changeMeta({ put: {}, drop: [PROBE] })
        )
      )
      const read = yield* timed(store.ping)
      const speed = `a write takes ${Math.ceil(write / 2)} ms, a read ${Math.ceil(read)} ms`
      const says = `${store.location}, schema ${version}, ${speed}`
      if (write / 2 <= SLOW) tell(ok("storage", says))
      else tell(failed("storage", `${says}: too slow`, "look for what keeps its disk or the way there busy"))
      if (database._tag === "File") tellOfFile(tell, database.path, (yield* node) !== undefined)
      else yield* tellOfServer(tell, database.config)
    }).pipe(
      Effect.catchTag("StorageError", (error) =>
        Effect.sync(() => tell(faulty("storage", "storage-down", toldOf(error))))
      )
    )
}

/** A name of its own in the table of small things; gone again at once. */
const PROBE = "doctor-probe"

/** Milliseconds that a commit may take: callbacks wait for it. */
const SLOW = 500

const timed = <E, R>(work: Effect.Effect<unknown, E, R>): Effect.Effect<number, E, R> =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.map(work, () => performance.now() - start)
  })

const tellOfFile = (tell: Tell, path: string, runs: boolean): void => {
  const wal = `${path}-wal`
  const size = existsSync(wal) ? Math.round(statSync(wal).size / 1024 / 1024) : 0
  if (size <= WAL) tell(ok("write-ahead log", `${size} MiB`))
  else {
    const cure = "look for a program that keeps the database open (a backup, a shell), and end it"
    tell(failed("write-ahead log", `${size} MiB: something keeps it from being folded in`, cure))
  }
  const holder = holderOf(path)
  if (holder === undefined || !isAlive(holder)) {
    return tell(
      runs
        ? failed(
            "file lock",
            "a service answers, but holds no lock on this database",
            "correct ENS_DATABASE_URL or ENS_ADMIN_PORT: it serves another one"
          )
        : skipped("file lock", "nobody serves this database now")
    )
  }
  tell(ok("file lock", `held by process ${holder.pid} on ${holder.host} since ${holder.since}`))
}

/** MiB */
const WAL = 256

interface Holder {
  readonly pid: number
  readonly host: string
  readonly since: string
}

/** Who took the lock last. Reading takes none. */
const holderOf = (path: string): Holder | undefined => {
  try {
    const lock = `${realpathSync(path)}.lock`
    if (!existsSync(lock)) return undefined
    const database = new DatabaseSync(lock, { readOnly: true })
    try {
      return database.prepare("SELECT pid, host, since FROM holder").get() as Holder | undefined
    } finally {
      database.close()
    }
  } catch {
    return undefined
  }
}

const isAlive = ({ pid }: Holder): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM"
  }
}

interface ServerRow {
  readonly version: string
  readonly level: number
  readonly collation: string
  readonly at: string
}

const tellOfServer = (tell: Tell, config: MssqlConfig) =>
  MssqlClient.single(config, config).pipe(
    Effect.flatMap((sql) =>
      Effect.zip(
        sql.unsafe<ServerRow>(
          "SELECT CAST(SERVERPROPERTY('ProductVersion') AS NVARCHAR(64)) AS version, CAST(compatibility_level AS INT) AS level, CAST(collation_name AS NVARCHAR(128)) AS collation, CONVERT(NVARCHAR(33), SYSUTCDATETIME(), 126) AS at FROM sys.databases WHERE name = DB_NAME()"
        ),
        // What the level is for; some servers have it at any.
        Effect.isSuccess(sql.unsafe("SELECT COUNT(*) AS n FROM OPENJSON(N'[1]')"))
      )
    ),
    Effect.scoped,
    Effect.flatMap(([[row], readsJson]) => {
      if (row === undefined) {
        return Effect.sync(() => tell(skipped("SQL Server", "it does not tell its version")))
      }
      const says = `version ${row.version}, compatibility level ${row.level}, collation ${row.collation} (texts of ENS have their own)`
      if (readsJson) tell(ok("SQL Server", says))
      else if (row.level >= LEVEL) {
        const cure = "ENS needs SQL Server 2016 or later"
        tell(failed("SQL Server", `${says}: it has no OPENJSON`, cure))
      } else {
        const cure = `run: ALTER DATABASE [${config.database}] SET COMPATIBILITY_LEVEL = ${LEVEL}`
        tell(failed("SQL Server", `${says}: the level is too low`, cure))
      }
      return tellSkew(tell, "SQL Server", Date.parse(`${row.at}Z`))
    }),
    Effect.catchAll((error) =>
      Effect.sync(() => tell(skipped("SQL Server", `it does not tell its version (${error.message})`)))
    )
  )

const LEVEL = 130
