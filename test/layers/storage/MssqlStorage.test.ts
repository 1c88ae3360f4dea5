import { SqlClient } from "@effect/sql/SqlClient"
import { expect, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Redacted } from "effect"
import * as Ownership from "../../../layers/ownership/Ownership.ts"
import * as MigrationPlan from "../../../layers/storage/MigrationPlan.ts"
import { migrate, migrations } from "../../../layers/storage/Migrations.ts"
import * as MssqlStorage from "../../../layers/storage/MssqlStorage.ts"
import type { MssqlConfig } from "../../../layers/storage/mssql/MssqlUrl.ts"
import { Storage } from "../../../layers/storage/Storage.ts"
import { tcpLine } from "../../support/TcpLine.ts"
import { bare, describeMssql, emptied } from "../../support/TestMssql.ts"
import {
  addSubscriber,
  addTenant,
  addUser,
  bytes,
  generation,
  hotState,
  mail,
  NOW,
  newDevice,
  subscribed,
  type userNumber
} from "./Samples.ts"
import { storageSuite } from "./StorageSuite.ts"

const layer = (config: MssqlConfig) => Layer.provide(MssqlStorage.layer(config), Ownership.layerAll)

/** A node whose tenure has this number. */
const ofEpoch = (config: MssqlConfig, epoch: () => number) =>
  Layer.provide(
    MssqlStorage.layer(config),
    Layer.map(Ownership.layerAll, (context) =>
      Context.make(Ownership.Ownership, { ...Context.get(context, Ownership.Ownership), epoch })
    )
  )

/** Version of the schema. */
const NEWEST = Math.max(...migrations.map(({ version }) => version))

describeMssql("the schema on a SQL Server", (config) => {
  const all = migrations.map(({ name }) => name)

  it.scopedLive("is made once by several that start at once", () =>
    Effect.gen(function* () {
      yield* bare(config)
      const start = Layer.build(layer(config))
      yield* Effect.all([start, start, start], { concurrency: "unbounded" })
      expect((yield* MigrationPlan.ofMssql(config)).missing).toEqual([])
    })
  )

  it.scopedLive("comes up to date from every earlier version, as the plan says, which changes nothing", () =>
    Effect.gen(function* () {
      for (let version = 0; version < migrations.length; version++) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const sql = yield* bare(config)
            const upTo = (steps: typeof migrations) => Effect.provideService(migrate(steps), SqlClient, sql)
            if (version > 0) yield* upTo(migrations.slice(0, version))
            const plan = yield* MigrationPlan.ofMssql(config)
            expect(plan).toMatchObject({ found: version, missing: all.slice(version) })
            expect(yield* MigrationPlan.ofMssql(config)).toEqual(plan)
            // What a DBA runs: GO is the tools' word for the end of a batch.
            yield* sql.unsafe(plan.sql.replace(/\nGO$/, ""))
            expect(yield* MigrationPlan.ofMssql(config)).toMatchObject({
              found: NEWEST,
              missing: [],
              sql: ""
            })
            const again = yield* Effect.exit(sql.unsafe(plan.sql.replace(/\nGO$/, "")))
            expect(Exit.isFailure(again)).toBe(true)
            expect(yield* upTo(migrations)).toEqual([])
          })
        )
      }
    })
  )

  it.scopedLive("stays as it was when a step fails, and is refused when it is newer", () =>
    Effect.gen(function* () {
      const sql = yield* bare(config)
      const upTo = (steps: typeof migrations) => Effect.provideService(migrate(steps), SqlClient, sql)
      const bad = {
        version: NEWEST + 1,
        name: "bad",
        statements: { sqlite: [], mssql: ["CREATE TABLE users (x INT)"] }
      }
      expect((yield* Effect.flip(upTo([...migrations, bad])))._tag).toBe("SqlError")
      expect(yield* MigrationPlan.ofMssql(config)).toMatchObject({ found: 0 })
      yield* upTo([...migrations, { ...bad, statements: { sqlite: [], mssql: [] } }])
      expect(yield* Effect.flip(Layer.build(layer(config)))).toMatchObject({
        ...{ _tag: "SchemaTooNew", found: NEWEST + 1, known: NEWEST }
      })
    })
  )
})

describeMssql("a SQL Server that does not let us in", (config) => {
  const refusal = (other: Partial<MssqlConfig>) =>
    Effect.map(
      Effect.flip(Effect.scoped(Layer.build(layer({ ...config, ...other })))),
      (error) => error.message
    )

  it.live("is told apart by why", () =>
    Effect.gen(function* () {
      expect(yield* refusal({ password: Redacted.make("not the password") })).toContain("refused the login")
      expect(yield* refusal({ database: "no_such_database_here" })).toContain(
        "no database no_such_database_here"
      )
      expect(yield* refusal({ port: 1 })).toContain("does not answer")
      for (const other of [{ password: Redacted.make("not the password") }, { port: 1 }])
        expect(yield* refusal(other)).not.toContain("not the password")
    })
  )
})

describeMssql("a node whose tenure is over", (config) => {
  it.scopedLive("writes nothing of users, and reads", () =>
    Effect.gen(function* () {
      const sql = yield* emptied(config)
      yield* sql`INSERT INTO epochs (name, epoch) VALUES ('ens', 4)`
      let epoch = 4
      const built = yield* Layer.build(ofEpoch(config, () => epoch))
      const storage = Context.get(built, Storage)
      const user = yield* Effect.provide(
        Effect.flatMap(addTenant("t"), (tenant) => addSubscriber(tenant, "anna")),
        built
      )
      const seen = Effect.all([storage.dossier(user), storage.outboxSize, storage.deadLetters(user)])
      const before = yield* seen
      epoch = 3
      const refused = yield* Effect.forEach(
        [
          storage.saveHot([{ user, generation: generation(1), hot: hotState() }]),
          storage.saveSubscribed(subscribed(user), bytes("f", 32), newDevice("new")),
          storage.saveDevice(user, newDevice("new")),
          storage.addOutbox([mail(user, "a")]),
          storage.addDeadLetter({ user, digest: "d", reason: "r", at: NOW }),
          storage.replaceSealKey(user, bytes("s", 60), NOW),
          storage.deleteUser(user)
        ],
        (write) => Effect.flip(write as Effect.Effect<unknown, { readonly transient: boolean }>)
      )
      for (const error of refused) expect(String(error)).toContain("another node has taken over")
      expect(yield* seen).toEqual(before)
      yield* storage.ping
      yield* storage.addPoolKeys([bytes("k", 100)])
      epoch = 4
      yield* storage.saveDevice(user, newDevice("new"))
      expect(yield* storage.devices(user)).toHaveLength(2)
    })
  )
})

describeMssql("a line to a SQL Server that is cut in the middle", (config) => {
  it.scopedLive(
    "leaves of every transaction all or nothing, and what comes later finds the server again",
    () =>
      Effect.gen(function* () {
        yield* emptied(config)
        const line = yield* tcpLine(config.host, config.port)
        const built = yield* Layer.build(layer({ ...config, host: "127.0.0.1", port: line.port }))
        const storage = Context.get(built, Storage)
        const { user } = yield* Effect.provide(
          Effect.flatMap(addTenant("t"), (tenant) => addUser(tenant, "anna")),
          built
        )
        const save = (name: string) =>
          Effect.exit(storage.saveSubscribed(subscribed(user), bytes(name, 32), newDevice(name)))
        yield* save("first")
        for (let round = 0; round < 3; round++) {
          const saving = yield* Effect.fork(
            Effect.forEach(Array.from({ length: 20 }), (_, index) => save(`phone ${round} ${index}`), {
              concurrency: 5
            })
          )
          yield* Effect.sleep(50 * (round + 1))
          line.cut()
          yield* Effect.sleep("100 millis")
          line.mend()
          const exits = yield* Fiber.join(saving)
          for (const exit of exits)
            if (Exit.isFailure(exit)) expect(exit.cause).toMatchObject({ error: { transient: true } })
          const devices = yield* storage.devices(user)
          const tokens = devices.map(({ token }) => token)
          exits.forEach((exit, index) => {
            if (Exit.isSuccess(exit)) expect(tokens).toContain(`phone ${round} ${index}`)
          })
          expect(new Set(devices.map(({ device }) => device)).size).toBe(devices.length)
        }
        expect(Exit.isSuccess(yield* save("the last"))).toBe(true)
      })
  )
})

describeMssql("many subscriptions on a SQL Server", (config) => {
  it.scopedLive("are read a page at a time, each of them once", () =>
    Effect.gen(function* () {
      const sql = yield* emptied(config)
      const built = yield* Layer.build(layer(config))
      const storage = Context.get(built, Storage)
      const { tenant } = yield* Effect.provide(
        Effect.flatMap(addTenant("t"), (of) => addUser(of, "first")),
        built
      )
      const all = 20_000
      const numbers = JSON.stringify(Array.from({ length: all }, (_, index) => index))
      yield* sql`
        INSERT INTO users (tenant_no, user_id, bucket, created_at, seal_key)
        SELECT ${tenant}, CAST(CAST(value AS INT) AS VARBINARY(8)), 1, 1, 0x00 FROM OPENJSON(${numbers})`
      yield* sql`
        INSERT INTO subscriptions (user_no, generation, ews_url, exchange_version, auth_type, subscribed_at, link, link_since, nudges)
        SELECT user_no, 1, N'https://mail.example.com/', N'Exchange2016', N'Basic', 1, N'Active', 1, 0
        FROM users WHERE seal_key = 0x00`
      yield* sql`
        INSERT INTO hot_states (user_no, generation, last_heard, ledger)
        SELECT user_no, 1, 1, 0x00 FROM subscriptions`
      let [count, last, next] = [0, 0, undefined as ReturnType<typeof userNumber> | undefined]
      do {
        const page = yield* storage.subscriptions(next, 1000)
        expect(page.rows.length).toBeLessThanOrEqual(1000)
        for (const { user } of page.rows) {
          expect(Number(user)).toBeGreaterThan(last)
          last = Number(user)
        }
        count += page.rows.length
        next = page.next
      } while (next !== undefined)
      expect(count).toBe(all)
    })
  )
})

describeMssql("on a SQL Server", (config) => {
  storageSuite("MssqlStorage", Layer.unwrapScoped(Effect.as(emptied(config), layer(config))))
})
