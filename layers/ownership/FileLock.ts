import { randomUUID } from "node:crypto"
import { closeSync, existsSync, mkdirSync, openSync, realpathSync } from "node:fs"
import { hostname } from "node:os"
import { basename, dirname, join, resolve } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { Clock, Effect, Layer, Random, Schema } from "effect"
import { layerAll, Ownership } from "./Ownership.ts"
import { setRole } from "./OwnershipMetrics.ts"

/** Another process serves this database file. */
export class DatabaseInUse extends Schema.TaggedError<DatabaseInUse>()("DatabaseInUse", {
  file: Schema.String,
  /** Who that is, for people. */
  holder: Schema.String
}) {
  override get message() {
    return `another ens (${this.holder}) has ${this.file} open; stop it first, or use SQL Server for a standby`
  }
}

/** The lock cannot be taken for another reason than that somebody has it. */
export class LockUnusable extends Schema.TaggedError<LockUnusable>()("LockUnusable", {
  file: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    return `cannot lock ${this.file}: ${this.reason}; ENS must be able to write to this file and its directory`
  }
}

/**
 * One process per database file, for as long as the layer lives; that process owns all users. The lock is one of the
 * operating system, on `<file>.lock`, by SQLite: it ends with the process, however that ends, so the file may stay behind
 * and blocks nobody. Commands that only administer do not take it.
 */
export const layer = (file: string): Layer.Layer<Ownership, DatabaseInUse | LockUnusable> =>
  Layer.scoped(
    Ownership,
    Effect.acquireRelease(lock(file), (held) => Effect.sync(() => held.close())).pipe(
      Effect.tap(() => Effect.sync(() => setRole("active"))),
      Effect.zipRight(Ownership),
      Effect.provide(layerAll)
    )
  )

/** Two that start at the same moment may each find the other at it. */
const AGAIN = 20
/** ms, more or less, so that they get out of step. */
const AGAIN_AFTER = 50

const lock = (file: string): Effect.Effect<DatabaseSync, DatabaseInUse | LockUnusable> =>
  Effect.gen(function* () {
    const path = yield* attempt(file, () => lockFileOf(file))
    const me: Holder = {
      id: randomUUID(),
      pid: process.pid,
      host: hostname(),
      since: new Date(yield* Clock.currentTimeMillis).toISOString()
    }
    const tried = (times: number): Effect.Effect<DatabaseSync | Holder | undefined, LockUnusable> =>
      Effect.flatMap(
        attempt(path, () => take(path, me)),
        (taken) =>
          taken instanceof DatabaseSync || taken?.id !== me.id || times === 0
            ? Effect.succeed(taken)
            : Effect.flatMap(Random.next, (random) =>
                Effect.delay(tried(times - 1), AGAIN_AFTER * (0.5 + random))
              )
      )
    const taken = yield* tried(AGAIN)
    return taken instanceof DatabaseSync ? taken : yield* new DatabaseInUse({ file, holder: describe(taken) })
  })

interface Holder {
  readonly id: string
  readonly pid: number
  readonly host: string
  readonly since: string
}

const describe = (holder: Holder | undefined) =>
  holder === undefined
    ? "an unknown process"
    : `process ${holder.pid} on ${holder.host}, since ${holder.since.replace(/\.\d+/, "")}`

/** The same for every way to write the path. SQLite gives its own files the directory too. */
const lockFileOf = (file: string): string => {
  const path = resolve(file)
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const real = existsSync(path) ? realpathSync(path) : join(realpathSync(dirname(path)), basename(path))
  return `${real}.lock`
}

/**
 * A transaction that writes nothing keeps others from writing, and lets them read who we are; that has to be committed
 * before. Closing a file of which this process holds a lock elsewhere would end that lock (POSIX), so an existing file is
 * left to SQLite.
 */
const take = (path: string, me: Holder): DatabaseSync | Holder | undefined => {
  if (!existsSync(path)) closeSync(openSync(path, "a", 0o600))
  const database = new DatabaseSync(path, { timeout: 200 })
  try {
    database.exec("BEGIN IMMEDIATE")
    database.exec("CREATE TABLE IF NOT EXISTS holder (id TEXT, pid INTEGER, host TEXT, since TEXT)")
    database.exec("DELETE FROM holder")
    database.prepare("INSERT INTO holder VALUES (?, ?, ?, ?)").run(me.id, me.pid, me.host, me.since)
    database.exec("COMMIT")
    database.exec("BEGIN IMMEDIATE")
    if (read(database)?.id === me.id) return database
    // Another one got in between, and waits for what we have now.
    database.close()
    return me
  } catch (error) {
    const holder = isBusy(error) ? read(database) : undefined
    database.close()
    if (!isBusy(error)) throw error
    return holder
  }
}

const read = (database: DatabaseSync): Holder | undefined => {
  try {
    return database.prepare("SELECT id, pid, host, since FROM holder").get() as Holder | undefined
  } catch {
    return undefined
  }
}

/** https://sqlite.org/rescode.html#busy */
const isBusy = (error: unknown) =>
  error instanceof Error && "errcode" in error && (Number(error.errcode) & 0xff) === 5

const attempt = <A>(file: string, work: () => A): Effect.Effect<A, LockUnusable> =>
  Effect.try({
    try: work,
    catch: (error) =>
      new LockUnusable({ file, reason: error instanceof Error ? error.message : String(error) })
  })
