import * as Reactivity from "@effect/experimental/Reactivity"
import * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import * as Statement from "@effect/sql/Statement"
import * as MssqlClient from "@effect/sql-mssql/MssqlClient"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { bookkeepingOf } from "../../../layers/storage/MigrationBook.ts"
import { migrations } from "../../../layers/storage/Migrations.ts"
import * as SqlStorage from "../../../layers/storage/SqlStorage.ts"
import type { Storage } from "../../../layers/storage/Storage.ts"
import { type TenantNumber, userIdOfAddress } from "../../../schemas/Ids.ts"
import {
  bytes,
  device,
  generation,
  hashOf,
  hotState,
  keysOf,
  mail,
  NOW,
  newDevice,
  subscribed,
  subscriptionId,
  userNumber
} from "./Samples.ts"

type StorageShape = typeof Storage.Service

const user = userNumber("7")
const tenant = 1 as TenantNumber
const userId = userIdOfAddress("anna@example.com")
const token = {
  tenant: "t",
  label: "l",
  hash: hashOf("token"),
  ewsUrls: [],
  ewsPins: [],
  seg: false,
  createdAt: NOW
}
const next = { hash: hashOf("next"), createdAt: NOW, until: NOW + 1 }
const link = { user, generation: generation(1), link: "Lost", linkSince: NOW, nudges: 1 } as const
const audit = {
  at: NOW,
  actor: "cli:anna@host",
  action: "token.create",
  target: "7",
  outcome: "success"
} as const
const places = ["pool", "seal", "registration", "callback", "former"] as const

/** Every method, called so that all its statements are run. */
const calls: {
  readonly [Name in Exclude<keyof StorageShape, "location">]: (
    storage: StorageShape
  ) => Effect.Effect<unknown, unknown>
} = {
  ping: (_) => _.ping,
  meta: (_) => _.meta("name", bytes("m", 4)),
  findMeta: (_) => _.findMeta("name"),
  changeMeta: (_) => _.changeMeta({ put: { a: bytes("a", 4) }, drop: ["b"] }),
  createToken: (_) => _.createToken(token),
  listTokens: (_) => _.listTokens,
  revokeToken: (_) => _.revokeToken("1"),
  tokenDirectory: (_) => _.tokenDirectory,
  tokenVersion: (_) => _.tokenVersion,
  tenantOfToken: (_) => _.tenantOfToken(token.hash),
  rotateToken: (_) => _.rotateToken("1", next),
  noteTokenUses: (_) => _.noteTokenUses([{ id: "1", at: NOW }]),
  dropEndedTokens: (_) => _.dropEndedTokens(NOW),
  tenant: (_) => _.tenant(tenant),
  countPoolKeys: (_) => _.countPoolKeys,
  addPoolKeys: (_) => _.addPoolKeys([bytes("k", 4)]),
  takePoolKey: (_) => _.takePoolKey,
  findUser: (_) => _.findUser(tenant, userId),
  user: (_) => _.user(user),
  dossier: (_) => _.dossier(user),
  createUser: (_) =>
    _.createUser({
      tenant,
      userId,
      keys: { ...keysOf("anna"), callbackKey: bytes("c", 4) },
      createdAt: NOW
    }),
  setCallbackKey: (_) => _.setCallbackKey(user, bytes("c", 4)),
  retireKeys: (_) => _.retireKeys(user, bytes("s", 4)),
  replaceSealKey: (_) => _.replaceSealKey(user, bytes("s", 4), NOW),
  replaceRegistrationKey: (_) => _.replaceRegistrationKey(user, bytes("r", 4), NOW, NOW),
  formerKeys: (_) => _.formerKeys(user),
  dropFormerKeys: (_) => _.dropFormerKeys(NOW),
  deleteUser: (_) => _.deleteUser(user),
  deleteUserWithoutDevices: (_) => _.deleteUserWithoutDevices(user),
  forgetUnregistered: (_) => _.forgetUnregistered(NOW),
  wrappedKeys: (_) => Effect.forEach(places, (place) => _.wrappedKeys(place, undefined, 5)),
  rewrapKeys: (_) =>
    Effect.forEach(places, (place) =>
      _.rewrapKeys(place, [{ key: "7 seal", from: bytes("f", 4), to: bytes("t", 4) }])
    ),
  subscription: (_) => _.subscription(user),
  subscriptions: (_) => _.subscriptions(undefined, 5),
  saveSubscribed: (_) => _.saveSubscribed(subscribed(user), bytes("f", 32), newDevice("phone")),
  adopt: (_) => _.adopt(user, generation(2), subscriptionId("s")),
  saveRefused: (_) => _.saveRefused(user, generation(2)),
  saveLinks: (_) => _.saveLinks([link]),
  saveHot: (_) => _.saveHot([{ user, generation: generation(1), hot: hotState() }]),
  savePartial: (_) => _.savePartial(user, generation(1), bytes("p", 4)),
  partial: (_) => _.partial(user, generation(1)),
  deletePartial: (_) => _.deletePartial(user, generation(1)),
  devices: (_) => _.devices(user),
  saveDevice: (_) => _.saveDevice(user, newDevice("phone")),
  replaceDeviceToken: (_) => _.replaceDeviceToken(user, "old", "new", NOW),
  deleteDevice: (_) => _.deleteDevice(user, { device: device(1), token: "phone", registeredAt: NOW }),
  saveNudged: (_) => _.saveNudged(user, device(1), [NOW]),
  saveSeen: (_) => _.saveSeen(user, "phone", NOW),
  saveEndpoint: (_) => _.saveEndpoint(user, "phone", { arn: "arn", registeredAt: NOW }),
  addOutbox: (_) => _.addOutbox([mail(user, "item")]),
  outboxOf: (_) => _.outboxOf(user, 5),
  removeOutbox: (_) => _.removeOutbox([mail(user, "item")]),
  outboxUsers: (_) => _.outboxUsers("iOS", 5),
  outboxSize: (_) => _.outboxSize,
  expireOutbox: (_) => _.expireOutbox(NOW),
  staleDevices: (_) => _.staleDevices(NOW, undefined),
  lostUsers: (_) => _.lostUsers(NOW, undefined),
  dropDeadLetters: (_) => _.dropDeadLetters(NOW),
  addDeadLetter: (_) => _.addDeadLetter({ user, digest: "d", reason: "r", at: NOW }),
  deadLetters: (_) => _.deadLetters(user),
  usersOfId: (_) => _.usersOfId(userId),
  histories: (_) => _.histories([user]),
  saveHistories: (_) => _.saveHistories([{ user, lastAt: NOW, events: bytes("h", 4) }]),
  dropHistories: (_) => _.dropHistories(NOW),
  createAdminToken: (_) => _.createAdminToken({ label: "l", hash: hashOf("admin"), createdAt: NOW }),
  listAdminTokens: (_) => _.listAdminTokens,
  revokeAdminToken: (_) => _.revokeAdminToken("1"),
  adminTokenOf: (_) => _.adminTokenOf(hashOf("admin")),
  adminTokenHashes: (_) => _.adminTokenHashes,
  rotateAdminToken: (_) => _.rotateAdminToken("1", next),
  noteAdminTokenUses: (_) => _.noteAdminTokenUses([{ id: "1", at: NOW }]),
  addAudit: (_) => _.addAudit(audit),
  audits: (_) => _.audits(10),
  dropAudits: (_) => _.dropAudits(NOW)
}

/** A row for any question. */
const ROW = {
  ...{ user_no: 7, tenant_no: 1, token_no: 1, key_no: 1, device_no: 1, last_device_no: 1, number: 7 },
  ...{ tenant: "t", name: "t", label: "l", ews_urls: "[]", ews_pins: "[]", nudged_at: "[]", token: "phone" },
  ...{ user_id: bytes("u", 32), wrapped: bytes("w", 4), value: bytes("v", 4), hash: bytes("h", 32) },
  ...{ kind: "seal", platform: "Android", registered_at: NOW, created_at: NOW, queued_at: NOW, entry_no: 1 },
  ...{ keys: 0, entries: 0, oldest: null, tokens: 0, newest: null, ends: null },
  ...{ last_used_at: null, expires_at: null }
}

/** What every method runs, when its questions find something and when they find nothing. */
const statementsOf = (compiler: Statement.Compiler) =>
  Effect.gen(function* () {
    const ran: Array<string> = []
    let finds = true
    const note = (sql: string) => ran.push(sql.replace(/\s+/g, " ").trim())
    const answer: Connection["execute"] = (sql) =>
      Effect.sync(() => {
        note(sql)
        return finds || /COUNT\(|^\s*INSERT|last_device_no/.test(sql) ? [ROW] : []
      })
    const connection: Connection = {
      execute: answer,
      executeRaw: (sql) =>
        Effect.sync(() => {
          note(sql)
          return { changes: finds ? 1 : 0 }
        }),
      executeValues: () => Effect.succeed([]),
      executeUnprepared: () => Effect.succeed([]),
      executeStream: () => Stream.empty
    }
    const client = yield* SqlClient.make({
      acquirer: Effect.succeed(connection),
      compiler,
      spanAttributes: []
    })
    const storage = SqlStorage.make("nowhere", client)
    const all: Record<string, ReadonlyArray<string>> = {}
    for (const [name, call] of Object.entries(calls)) {
      for (finds of [true, false]) yield* Effect.exit(call(storage))
      all[name] = [...new Set(ran.splice(0))]
    }
    return all
  }).pipe(Effect.provide(Reactivity.layer))

describe("the statements of every method", () => {
  it.effect("SQLite", () =>
    Effect.map(statementsOf(Statement.makeCompilerSqlite()), (all) => {
      for (const statements of Object.values(all)) expect(statements).not.toEqual([])
      expect(all).toMatchSnapshot()
    })
  )

  it.effect("SQL Server", () =>
    Effect.map(statementsOf(MssqlClient.makeCompiler()), (all) => {
      for (const statements of Object.values(all)) expect(statements).not.toEqual([])
      const text = JSON.stringify(all)
      expect(text).not.toMatch(/ON CONFLICT|RETURNING|\bLIMIT\b|json_each|unhex|MERGE|\?/)
      expect(all).toMatchSnapshot()
    })
  )
})

it("the statements of every migration", () => {
  const { note, script } = bookkeepingOf("mssql")
  const statements = migrations.flatMap((step) => [...step.statements.mssql, note(step)])
  expect(script(0, statements)).toMatchSnapshot()
  expect(script(6, statements.slice(-2))).toMatchSnapshot()
})
