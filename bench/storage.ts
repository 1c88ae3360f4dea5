import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Either, Layer, ManagedRuntime, Option, Redacted } from "effect"
import * as Ownership from "../layers/ownership/Ownership.ts"
import * as MeasuredStorage from "../layers/storage/MeasuredStorage.ts"
import * as MssqlStorage from "../layers/storage/MssqlStorage.ts"
import { parseMssqlUrl } from "../layers/storage/mssql/MssqlUrl.ts"
import * as SqliteStorage from "../layers/storage/SqliteStorage.ts"
import { Storage } from "../layers/storage/Storage.ts"
import { type UserNumber, userIdOfAddress } from "../schemas/Ids.ts"
import type { SchemaTooNew, StorageError } from "../schemas/StorageError.ts"
import type { BenchOptions } from "./Bench.ts"
import { openMssql } from "./peers/PlainMssql.ts"
import { openSqlite } from "./peers/PlainSqlite.ts"
import type { PlainStore } from "./peers/PlainStore.ts"
import { type HotRow, hotOf, registrationOf, someKeys } from "./peers/StoredUsers.ts"

export const name = "storage"
export const about =
  "rows a second of storage as the service uses it, beside the bare driver on the same tables; SQL Server too where ENS_TEST_MSSQL_URL names one (its database is given users, which are removed again)"

export interface StorageRow {
  readonly database: string
  readonly what: string
  /** Users that are ours; the peer has as many of its own in the same tables. */
  readonly n: number
  readonly rowsPerSecond?: number
  readonly peer?: string
  readonly peerRowsPerSecond?: number
  /** Of the peer's rows in the same round; the median over the rounds. */
  readonly ratio?: number
  /** On disk, indexes included, of a user with one device, a watermark and eight mails in the ledger. */
  readonly bytesPerUser?: number
}

const ROUNDS = 3
/** As `actors/Loading.ts` and `actors/WriteBehind.ts` have them. */
const PAGE = 250
const BATCH = 500
/** Registrations and mails that are under way at the same time. */
const AT_ONCE = 64

/** `n` users each: 3,000 where the database is embedded (default), a tenth of that where it is not. */
export const run = async (options: BenchOptions): Promise<ReadonlyArray<StorageRow>> => {
  const n = options.n ?? 3_000
  const directory = mkdtempSync(join(tmpdir(), "ens-bench-"))
  try {
    const file = join(directory, "ens.db")
    const rows = await measure("SQLite", n, SqliteStorage.layer(file), async () => openSqlite(file))
    const url = process.env["ENS_TEST_MSSQL_URL"]
    if (url === undefined) {
      process.stderr.write("no rows of SQL Server: ENS_TEST_MSSQL_URL names none\n")
      return rows
    }
    const config = Either.getOrThrowWith(parseMssqlUrl(Redacted.make(url)), (problem) => new Error(problem))
    const few = Math.max(ROUNDS, Math.round(n / 10))
    const unfenced = Layer.provide(MssqlStorage.layer(config), Ownership.layerAll)
    return [...rows, ...(await measure("SQL Server", few, unfenced, () => openMssql(config)))]
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

const measure = async (
  database: string,
  n: number,
  layer: Layer.Layer<Storage, StorageError | SchemaTooNew>,
  open: () => Promise<PlainStore>
): Promise<ReadonlyArray<StorageRow>> => {
  const runtime = ManagedRuntime.make(MeasuredStorage.layer(layer))
  const use = <A>(work: (storage: Storage["Type"]) => Effect.Effect<A, StorageError>) =>
    runtime.runPromise(Effect.flatMap(Storage, work))
  const each =
    <A>(work: (item: A) => Effect.Effect<unknown, StorageError>) =>
    (items: ReadonlyArray<A>) =>
      runtime.runPromise(Effect.forEach(items, work, { concurrency: AT_ONCE, discard: true }))
  const storage = await use(Effect.succeed)
  const peer = await open()
  try {
    const before = await peer.bytes()
    const users = await use((storage) => makeUsers(storage, 2 * n))
    const [ours, theirs] = [users.slice(0, n), users.slice(n)]
    const row = async (what: string, mine: Work, plain: Work): Promise<StorageRow> => {
      const { ratio, rate, plainRate } = await compare(mine, plain)
      return {
        database,
        what,
        n,
        rowsPerSecond: rate,
        peer: peer.driver,
        peerRowsPerSecond: plainRate,
        ratio
      }
    }
    const registering = (mine: ReadonlyArray<UserNumber>, round: number) =>
      part(mine, round).map((user) => registrationOf(user))
    const hot = (mine: ReadonlyArray<UserNumber>, round: number) => mine.map((user) => hotOf(user, round))
    const rows: Array<StorageRow> = []
    rows.push(
      await row(
        "register",
        (round) => {
          const some = registering(ours, round)
          return () =>
            counted(
              some,
              each(({ device, fingerprint, subscribed }) =>
                storage.saveSubscribed(subscribed, fingerprint, device)
              )
            )
        },
        (round) => {
          const some = registering(theirs, round)
          return () => counted(some, peer.register)
        }
      ),
      await row(
        "write behind",
        (round) => {
          const some = hot(ours, round)
          return () => inBatches(some, (batch) => use((storage) => storage.saveHot(batch)))
        },
        (round) => {
          const some = hot(theirs, round)
          return () => inBatches(some, peer.hot)
        }
      ),
      await row(
        "load",
        () => async () => {
          let rows = 0
          let after: UserNumber | undefined
          do {
            const page = await use((storage) => storage.subscriptions(after, PAGE))
            rows += page.rows.length
            after = page.next
          } while (after !== undefined)
          return rows
        },
        () => async () => {
          let rows = 0
          for (let page = { rows: PAGE, last: 0 }; page.rows === PAGE; rows += page.rows) {
            page = await peer.page(page.last, PAGE)
          }
          return rows
        }
      ),
      await row(
        "dossier",
        () => () => counted(ours, each(storage.dossier)),
        () => () => counted(theirs.map(Number), peer.dossiers)
      )
    )
    const after = await peer.bytes()
    if (before !== undefined && after !== undefined) {
      rows.push({ database, what: "on disk", n, bytesPerUser: Math.round((after - before) / users.length) })
    }
    if (database !== "SQLite") await each(storage.deleteUser)(users)
    return rows
  } finally {
    peer.close()
    await runtime.dispose()
  }
}

/** Users of a tenant of their own, with keys and nothing else. */
const makeUsers = Effect.fnUntraced(function* (storage: Storage["Type"], count: number) {
  const hash = randomBytes(32)
  const run = hash.toString("hex", 0, 8)
  const token = { tenant: `bench ${run}`, label: "bench", hash, ewsUrls: [], ewsPins: [], seg: false }
  const { id } = yield* storage.createToken({ ...token, createdAt: 0 })
  const tenant = Option.getOrThrow(yield* Effect.orDie(storage.tenantOfToken(hash))).tenant
  yield* storage.revokeToken(id)
  return yield* Effect.forEach(
    Array.from({ length: count }, (_, index) => userIdOfAddress(`user${index}@${run}.example.com`)),
    (userId) =>
      Effect.map(
        storage.createUser({ tenant, userId, keys: someKeys(), createdAt: Date.now() }),
        ({ user }) => user
      ),
    { concurrency: AT_ONCE }
  )
})

/** Gets ready what a round needs, which is not measured; what it answers does something with rows, and says with how many. */
type Work = (round: number) => () => Promise<number>

/** The two take turns, so that what disturbs the machine disturbs both; medians over the rounds. */
const compare = async (mine: Work, plain: Work) => {
  const rounds: Array<{ readonly rate: number; readonly plainRate: number }> = []
  for (let round = 0; round < ROUNDS; round++) {
    rounds.push({ rate: await rateOf(mine, round), plainRate: await rateOf(plain, round) })
  }
  return {
    rate: Math.round(median(rounds.map(({ rate }) => rate))),
    plainRate: Math.round(median(rounds.map(({ plainRate }) => plainRate))),
    ratio: Math.round(median(rounds.map(({ plainRate, rate }) => rate / plainRate)) * 100) / 100
  }
}

const rateOf = async (work: Work, round: number): Promise<number> => {
  const ready = work(round)
  const began = performance.now()
  const rows = await ready()
  return (rows * 1000) / (performance.now() - began)
}

const median = (values: ReadonlyArray<number>): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

/** The users whose turn it is in this round. */
const part = <A>(all: ReadonlyArray<A>, round: number): ReadonlyArray<A> =>
  all.filter((_, index) => index % ROUNDS === round)

const counted = async <A>(all: ReadonlyArray<A>, work: (all: ReadonlyArray<A>) => Promise<unknown>) => {
  await work(all)
  return all.length
}

const inBatches = async (
  rows: ReadonlyArray<HotRow>,
  save: (batch: ReadonlyArray<HotRow>) => Promise<void>
): Promise<number> => {
  for (let at = 0; at < rows.length; at += BATCH) await save(rows.slice(at, at + BATCH))
  return rows.length
}
