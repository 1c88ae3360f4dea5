import { spawn } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option } from "effect"
import * as SqliteStorage from "../../../layers/storage/SqliteStorage.ts"
import { Storage } from "../../../layers/storage/Storage.ts"
import { bucketOf, type UserNumber } from "../../../schemas/Ids.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"
import { addSubscriber, addTenant, addUser, keysOf, mail, newDevice } from "./Samples.ts"
import { storageSuite } from "./StorageSuite.ts"

const temporaryFile = Effect.map(temporaryDirectory, (directory) => join(directory, "data", "ens.db"))

storageSuite("SqliteStorage", Layer.unwrapScoped(Effect.map(temporaryFile, SqliteStorage.layer)))

const inStorage = <A, E>(file: string, body: Effect.Effect<A, E, Storage>) =>
  Effect.provide(body, SqliteStorage.layer(file))

it.scoped("makes directory and file for the owner only", () =>
  Effect.gen(function* () {
    const file = yield* temporaryFile
    const modes = yield* inStorage(
      file,
      Effect.gen(function* () {
        yield* addTenant("t")
        return [join(file, ".."), file, `${file}-wal`, `${file}-shm`].map(
          (path) => statSync(path).mode & 0o777
        )
      })
    )
    expect(modes).toEqual([0o700, 0o600, 0o600, 0o600])
    expect(existsSync(`${file}-wal`)).toBe(false)
  })
)

it.scoped("a file that is no database, or a directory, is a StorageError", () =>
  Effect.gen(function* () {
    const directory = yield* temporaryDirectory
    writeFileSync(join(directory, "text"), "this is no database, however long it may be".repeat(100))
    mkdirSync(join(directory, "directory"))
    const open = (name: string) => Effect.flip(inStorage(join(directory, name), Effect.void))
    expect(yield* open("text")).toMatchObject({ _tag: "StorageError", operation: "open", transient: false })
    expect(yield* open("directory")).toMatchObject({ _tag: "StorageError", operation: "open" })
  })
)

it.scoped("refuses a database of a newer version", () =>
  Effect.gen(function* () {
    const file = yield* temporaryFile
    yield* inStorage(file, Effect.void)
    const database = new DatabaseSync(file)
    database.exec("INSERT INTO schema_versions VALUES (1000, 'Future')")
    database.close()
    expect(yield* Effect.flip(inStorage(file, Effect.void))).toMatchObject({
      _tag: "SchemaTooNew",
      found: 1000
    })
  })
)

it.scoped("stores each user's bucket", () =>
  Effect.gen(function* () {
    const file = yield* temporaryFile
    const users = yield* inStorage(
      file,
      Effect.flatMap(addTenant("t"), (tenant) =>
        Effect.forEach(["anna", "bert", "cleo"], (name) => addUser(tenant, name))
      )
    )
    const database = new DatabaseSync(file)
    const buckets = database.prepare("SELECT bucket FROM users ORDER BY user_no").all()
    const plan = database.prepare("EXPLAIN QUERY PLAN SELECT user_no FROM users WHERE bucket = 7").all()
    database.close()
    expect(buckets.map((row) => row["bucket"])).toEqual(
      users.map((user) => bucketOf(user.tenant, user.userId))
    )
    expect(JSON.stringify(plan)).toContain("users_by_bucket")
  })
)

it.scoped("a user who went leaves no byte of the keys in the file", () =>
  Effect.gen(function* () {
    const file = yield* temporaryFile
    const { sealKey, registrationKey } = keysOf("anna")
    const isInFile = () => {
      const content = readFileSync(file)
      return [sealKey, registrationKey.subarray(200, 300)].some((key) => content.includes(Buffer.from(key)))
    }
    const user = yield* inStorage(
      file,
      Effect.flatMap(addTenant("t"), (tenant) =>
        Effect.zipRight(addSubscriber(tenant, "bert"), addSubscriber(tenant, "anna"))
      )
    )
    expect(isInFile()).toBe(true)
    yield* inStorage(
      file,
      Effect.flatMap(Storage, (storage) => storage.deleteUser(user))
    )
    expect(isInFile()).toBe(false)
  })
)

it.scoped("a hundred thousand subscriptions are read a page at a time, each of them once", () =>
  Effect.gen(function* () {
    const file = yield* temporaryFile
    const all = 100_000
    yield* inStorage(
      file,
      Effect.flatMap(addTenant("t"), (tenant) => addSubscriber(tenant, "anna"))
    )
    const database = new DatabaseSync(file)
    database.exec(`
      WITH RECURSIVE numbers (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${all})
      INSERT INTO users (user_no, tenant_no, user_id, bucket, created_at, seal_key)
      SELECT n, tenant_no, n, bucket, created_at, x'00' FROM numbers, users WHERE user_no = 1;
      INSERT INTO subscriptions (user_no, generation, ews_url, exchange_version, auth_type, subscribed_at, link, link_since, nudges)
      SELECT user_no, 1, 'https://mail.example.com/', 'Exchange2016', 'Basic', 1, 'Active', 1, 0 FROM users WHERE user_no > 1;
      INSERT INTO hot_states (user_no, generation, last_heard, ledger)
      SELECT user_no, 1, 1, x'00' FROM users WHERE user_no > 1`)
    database.close()
    yield* inStorage(
      file,
      Effect.gen(function* () {
        const storage = yield* Storage
        let [count, last, next] = [0, 0, undefined as UserNumber | undefined]
        do {
          const page = yield* storage.subscriptions(next, 1000)
          expect(page.rows.length).toBeLessThanOrEqual(1000)
          expect(Number(page.rows[0]!.user)).toBeGreaterThan(last)
          last = Number(page.rows.at(-1)!.user)
          count += page.rows.length
          next = page.next
        } while (next !== undefined)
        expect([count, last]).toEqual([all, all])
      })
    )
  })
)

it.scoped("a caller who gives up in the middle leaves all or nothing and holds up nobody", () =>
  Effect.gen(function* () {
    const file = yield* temporaryFile
    yield* inStorage(
      file,
      Effect.gen(function* () {
        const storage = yield* Storage
        const { user } = yield* addUser(yield* addTenant("t"), "anna")
        for (let index = 0; index < 30; index++) {
          const saving = yield* Effect.fork(storage.saveDevice(user, newDevice(`phone ${index}`)))
          for (let pause = 0; pause < index % 6; pause++)
            yield* Effect.promise(() => new Promise(setImmediate))
          yield* Fiber.interrupt(saving)
        }
        yield* storage.ping
        const last = yield* storage.saveDevice(user, newDevice("the last"))
        const devices = yield* storage.devices(user)
        expect(new Set(devices.map(({ device }) => device)).size).toBe(devices.length)
        expect(devices.at(-1)).toEqual(last)
      })
    )
  })
)

it.scoped("kill -9 in the middle of writing loses nothing that was answered", () =>
  Effect.gen(function* () {
    const file = yield* temporaryFile
    const answered = yield* Effect.promise(() => writeUntilKilled(file, 120))
    expect(answered.length).toBeGreaterThanOrEqual(120)
    yield* inStorage(
      file,
      Effect.gen(function* () {
        const storage = yield* Storage
        for (const { user, name } of answered) {
          const subscription = yield* Effect.flatten(storage.subscription(user))
          expect(subscription.subscriptionId).toBe(`subscription of ${user}`)
          expect(yield* Effect.flatten(storage.user(user))).toMatchObject(keysOf(name))
          expect((yield* storage.devices(user)).map(({ token }) => token)).toEqual([`phone of ${name}`])
          expect(yield* storage.outboxOf(user, 10)).toEqual([mail(user, name)])
        }
        const { rows } = yield* storage.subscriptions(undefined, 100_000)
        for (const { user } of rows) {
          expect(Option.isSome(yield* storage.user(user))).toBe(true)
          expect(yield* storage.devices(user)).toHaveLength(1)
        }
        const exit = yield* Effect.exit(addSubscriber(yield* addTenant("t"), "after the crash"))
        expect(Exit.isSuccess(exit)).toBe(true)
      })
    )
    const database = new DatabaseSync(file)
    expect(database.prepare("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" })
    expect(database.prepare("PRAGMA foreign_key_check").all()).toEqual([])
    database.close()
  })
)

/** Starts a writing process, kills it after `lines` answers, and gives all answers that came out of it. */
const writeUntilKilled = (file: string, lines: number) =>
  new Promise<Array<{ readonly user: UserNumber; readonly name: string }>>((resolve, reject) => {
    const script = fileURLToPath(new URL("../../support/WritingProcess.ts", import.meta.url))
    const child = spawn(process.execPath, [script, file, "20"], { stdio: ["ignore", "pipe", "inherit"] })
    const answered: Array<{ readonly user: UserNumber; readonly name: string }> = []
    const output = createInterface({ input: child.stdout })
    output.on("line", (line) => {
      const end = line.indexOf(" ")
      answered.push({ user: line.slice(0, end) as UserNumber, name: line.slice(end + 1) })
      if (answered.length === lines) child.kill("SIGKILL")
    })
    output.on("close", () => resolve(answered))
    child.on("error", reject)
  })
