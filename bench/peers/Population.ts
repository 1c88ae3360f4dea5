import { generateKeyPairSync, randomBytes } from "node:crypto"
import { DatabaseSync } from "node:sqlite"
import { Effect, Option } from "effect"
import { encodeLedger, itemEntry } from "../../actors/Ledger.ts"
import { CallbackSeal } from "../../layers/crypto/CallbackSeal.ts"
import { mailboxFingerprint } from "../../layers/crypto/MailboxFingerprint.ts"
import { MasterKey } from "../../layers/crypto/MasterKey.ts"
import { ofMasterKey, ServiceKeys } from "../../layers/crypto/ServiceKeys.ts"
import { keyContext, POOL_CONTEXT } from "../../layers/crypto/UserKeyring.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import type { AuthType, RedactedCredentials } from "../../schemas/Credentials.ts"
import {
  bucketOf,
  type Generation,
  type ItemId,
  type TenantNumber,
  type UserNumber,
  userIdOfAddress
} from "../../schemas/Ids.ts"
import type { Platform } from "../../schemas/Push.ts"
import { subscriptionIdOf } from "./Heartbeat.ts"

/** Whom a database is filled with. User numbers are 1 … `users`; every user is `Active` in generation 1. */
export interface Population {
  /** The embedded database, already migrated. */
  readonly file: string
  readonly users: number
  readonly ewsUrl: string
  readonly authType: AuthType
  /** When user `index` (from 0) was last heard of; milliseconds since 1970. */
  readonly lastHeard: (index: number) => number
  /** Mails that each user's ledger knows. */
  readonly ledger?: number
}

export const TENANT = 1 as TenantNumber
export const addressOf = (index: number): string => `user${index}@example.com`
export const userOf = (index: number): UserNumber => String(index + 1) as UserNumber
/** Devices a user: 1.6 on average, as the load model has it. Users differ, not runs. */
export const devicesOf = (index: number): number => (index % 5 < 3 ? 2 : 1)
export const tokenOf = (index: number, device: number): string =>
  `${device}${index.toString(16).padStart(63, "0")}`
/** The folder where mails must lie to be announced. */
export const inboxOf = (index: number): ItemId =>
  `AAMkADkzNjJjODUzLWZhMDMtNDVkMS05ZDdjLWVmMDlkYjQ1Zjc4MwAuAAAAAABSSWVKrmGUTJE+${index.toString().padStart(10, "0")}AAA=` as ItemId
export const platformOf = (device: number): Platform => (device === 1 ? "iOS" : "Android")

/**
 * Fills an empty database faster than a million registrations could: rows as those leave them, keys really wrapped, so
 * that callback URLs made for these users open. All share one RSA key pair, which a registration would make anew.
 */
export const populate = (population: Population): Effect.Effect<void, never, MasterKey> =>
  Effect.map(MasterKey, (master) => {
    const database = new DatabaseSync(population.file)
    try {
      database.exec("PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; BEGIN")
      fill(database, master, population)
      database.exec("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)")
    } finally {
      database.close()
    }
  })

/** Path and query of the callback URL of user `index`, as Exchange has it. */
export const callbackTarget = Effect.fnUntraced(function* (index: number, credentials: RedactedCredentials) {
  const seal = yield* CallbackSeal
  const user = Option.getOrThrow(yield* (yield* Storage).user(userOf(index)))
  const url = new URL(yield* seal.makeUrl(user, GENERATION, credentials))
  return url.pathname + url.search
})

const GENERATION = 1 as Generation

const fill = (database: DatabaseSync, master: MasterKey["Type"], population: Population): void => {
  const { authType, ewsUrl, lastHeard, ledger = 8, users } = population
  const insert = (table: string, columns: string) => {
    const places = columns.replaceAll(/\w+/g, "?")
    return database.prepare(`INSERT INTO ${table} (${columns}) VALUES (${places})`)
  }
  database.exec(`INSERT INTO tenants (tenant_no, name, ews_urls, ews_pins, seg)
    SELECT ${TENANT}, 'bench', '[]', '[]', 0 WHERE NOT EXISTS (SELECT 1 FROM tenants)`)
  const user = insert(
    "users",
    "user_no, tenant_no, user_id, bucket, created_at, seal_key, fingerprint, last_device_no"
  )
  const key = insert("registration_keys", "user_no, wrapped")
  const subscription = insert(
    "subscriptions",
    "user_no, generation, subscription_id, ews_url, exchange_version, auth_type, subscribed_at, link, link_since, nudges"
  )
  const hot = insert("hot_states", "user_no, generation, watermark, last_heard, unread, badge, ledger")
  const device = insert(
    "devices",
    "user_no, token, device_no, platform, bundle_id, policy, environment, registered_at"
  )
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey
  const pooled = rsa.export({ type: "pkcs8", format: "der" })
  const now = Date.now()
  const serviceKeys = ofMasterKey(master)
  for (let index = 0; index < users; index++) {
    const number = index + 1
    const userId = userIdOfAddress(addressOf(index))
    const owner = { tenant: TENANT, userId }
    const bucket = bucketOf(TENANT, userId)
    const sealKey = master.wrap(randomBytes(32), keyContext("seal", owner))
    const id = Buffer.from(userId, "hex")
    const fingerprint = mailboxFingerprint(TENANT, userOf(index), inboxOf(index)).pipe(
      Effect.provideService(ServiceKeys, serviceKeys),
      Effect.runSync
    )
    user.run(number, TENANT, id, bucket, now, sealKey, fingerprint, devicesOf(index))
    key.run(number, master.wrap(pooled, keyContext("registration", owner)))
    const heard = Math.floor(lastHeard(index))
    const subscriptionId = subscriptionIdOf(index)
    subscription.run(
      number,
      GENERATION,
      subscriptionId,
      ewsUrl,
      "Exchange2013_SP1",
      authType,
      now,
      "Active",
      heard,
      0
    )
    const settled = Array.from({ length: ledger }, (_, mail) => itemEntry(`${index} ${mail}` as ItemId))
    hot.run(
      number,
      GENERATION,
      `AQAAABn${number}`,
      heard,
      index % 50,
      index % 50,
      Buffer.from(encodeLedger(settled).buffer)
    )
    for (let at = 1; at <= devicesOf(index); at++) {
      const token = tokenOf(index, at)
      device.run(number, token, at, platformOf(at), "com.example.mail", 1, "production", now)
    }
  }
}

/** RSA keys for registrations, made once and given out again and again: for what does not measure the making of keys. */
export const fillKeyPool = (keys: number): Effect.Effect<void, never, MasterKey | Storage> =>
  Effect.gen(function* () {
    const master = yield* MasterKey
    const storage = yield* Storage
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey
    const plain = rsa.export({ type: "pkcs8", format: "der" })
    for (let made = 0; made < keys; made += 1_000) {
      const batch = Math.min(1_000, keys - made)
      yield* storage.addPoolKeys(Array.from({ length: batch }, () => master.wrap(plain, POOL_CONTEXT)))
    }
  }).pipe(Effect.orDie)
