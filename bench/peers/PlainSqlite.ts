import { DatabaseSync, type SQLInputValue } from "node:sqlite"
import { DOSSIER, PAGE, type PlainStore } from "./PlainStore.ts"

/** Bare `node:sqlite` with prepared statements on this thread, as durable as ENS: each commit is on the disk. */
export const openSqlite = (file: string): PlainStore => {
  const database = new DatabaseSync(file)
  database.exec(`PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON;
    PRAGMA cache_size = -16000; PRAGMA busy_timeout = 5000`)
  const page = database.prepare(`${PAGE} ? ORDER BY s.user_no LIMIT ?`)
  const dossier = database.prepare(`${DOSSIER} ? ORDER BY d.device_no`)
  const hot = database.prepare(`
    UPDATE hot_states SET watermark = ?, last_heard = ?, unread = ?, badge = ?, gap_since = ?, ledger = ?
    WHERE user_no = ? AND generation <= ?`)
  const user = database.prepare("UPDATE users SET fingerprint = ?, last_device_no = 1 WHERE user_no = ?")
  const subscription = inserting(database, "subscriptions", SUBSCRIPTION)
  const first = inserting(database, "hot_states", HOT)
  const device = inserting(database, "devices", DEVICE)
  const transaction = (work: () => void) => {
    database.exec("BEGIN IMMEDIATE")
    work()
    database.exec("COMMIT")
  }
  return {
    driver: "node:sqlite",
    page: async (after, limit) => {
      const rows = page.all(after, limit)
      return { rows: rows.length, last: Number(rows.at(-1)?.["user_no"] ?? 0) }
    },
    dossiers: async (users) => {
      for (const one of users) dossier.all(one)
    },
    hot: async (batch) =>
      transaction(() => {
        for (const { generation, hot: state, user } of batch) {
          const { badge, gapSince, lastHeard, ledger, unread, watermark } = state
          hot.run(watermark, lastHeard, unread, badge, gapSince, ledger, Number(user), generation)
        }
      }),
    register: async (batch) => {
      // Each is on the disk by itself, as an app that waits for it may believe.
      for (const { device: phone, fingerprint, subscribed } of batch) {
        transaction(() => {
          const number = Number(subscribed.user)
          user.run(fingerprint, number)
          subscription(number, [
            subscribed.generation,
            subscribed.subscriptionId,
            subscribed.ewsUrl,
            subscribed.exchangeVersion,
            subscribed.authType,
            subscribed.subscribedAt,
            subscribed.form,
            "Unconfirmed",
            subscribed.subscribedAt,
            0
          ])
          const { generation, subscribedAt, unread, watermark } = subscribed
          first(number, [generation, watermark, subscribedAt, unread, new Uint8Array()])
          const { bundleId, environment, platform, policy, registeredAt, token } = phone
          device(number, [token, 1, platform, bundleId, policy, environment, registeredAt, registeredAt])
        })
      }
    },
    bytes: async () => {
      database.exec("PRAGMA wal_checkpoint(TRUNCATE)")
      const one = (pragma: string) =>
        Number(Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0])
      return (one("page_count") - one("freelist_count")) * one("page_size")
    },
    close: () => database.close()
  }
}

const SUBSCRIPTION =
  "generation, subscription_id, ews_url, exchange_version, auth_type, subscribed_at, form, link, link_since, nudges"
const HOT = "generation, watermark, last_heard, unread, ledger"
const DEVICE = "token, device_no, platform, bundle_id, policy, environment, registered_at, seen_at"

const inserting = (database: DatabaseSync, table: string, columns: string) => {
  const places = columns.replaceAll(/\w+/g, "?")
  const statement = database.prepare(`INSERT INTO ${table} (user_no, ${columns}) VALUES (?, ${places})`)
  return (user: number, values: ReadonlyArray<SQLInputValue>) => void statement.run(user, ...values)
}
