import type { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"
import type { DeviceNumber, ItemId, UserNumber } from "../../../schemas/Ids.ts"
import type { Platform } from "../../../schemas/Push.ts"
import type { OutboxEntry, OutboxKind } from "../Storage.ts"
import { dialectOf } from "./Dialect.ts"
import { affected, afterRaces, inChunks, operation, type StorageShape } from "./Operation.ts"

type Outbox = Pick<
  StorageShape,
  "addOutbox" | "outboxOf" | "removeOutbox" | "outboxUsers" | "outboxSize" | "expireOutbox"
>

/** Rows read on the calling thread, or removed in one statement, at once. */
const PAGE = 1000

export const make = (sql: SqlClient): Outbox => {
  const dialect = dialectOf(sql)
  const key = ["user_no", "device_no", "kind", dialect.keyOf("item_id")]
  const item = Object.keys(dialect.long("item_id", ""))
  const unlessThere = dialect.unlessThere("outbox", key)

  const page = (platform: Platform, after: { readonly queued_at: number; readonly entry_no: number }) =>
    sql<{ user_no: number; queued_at: number; entry_no: number }>`
      SELECT user_no, queued_at, entry_no FROM outbox
      WHERE platform = ${platform} AND (queued_at > ${after.queued_at}
        OR queued_at = ${after.queued_at} AND entry_no > ${after.entry_no})
      ORDER BY queued_at, entry_no ${dialect.limit(PAGE)}`

  const expireSome = (before: number) =>
    affected(sql`
      DELETE FROM outbox WHERE entry_no IN (
        SELECT entry_no FROM outbox WHERE platform IN ('iOS', 'Android') AND queued_at < ${before} ${dialect.some(PAGE)})`)

  return {
    // Joined with the devices, so that nothing is kept for one that is gone.
    addOutbox: (entries) =>
      entries.length === 0
        ? Effect.void
        : sql`
            INSERT INTO outbox (user_no, device_no, kind, ${sql.literal(item.join(", "))}, queued_at, platform)
            SELECT x.user_no, x.device_no, x.kind, ${sql.literal(item.map((name) => `x.${name}`).join(", "))},
              x.queued_at, d.platform
            FROM ${dialect.rows(COLUMNS, rowsOf(entries))}
            JOIN devices d ON d.user_no = x.user_no AND d.device_no = x.device_no
            WHERE ${unlessThere.where} ORDER BY x.position ${unlessThere.onConflict}`.pipe(
            afterRaces,
            Effect.asVoid,
            operation("addOutbox")
          ),

    outboxOf: (user, limit) =>
      sql<OutboxRow>`
        SELECT user_no, device_no, kind, item_id, queued_at FROM outbox WHERE user_no = ${Number(user)}
        ORDER BY queued_at, entry_no ${dialect.limit(limit)}`.pipe(
        Effect.map((rows) => rows.map(entryOf)),
        operation("outboxOf")
      ),

    removeOutbox: (entries) =>
      entries.length === 0
        ? Effect.void
        : dialect
            .deleteThose(
              "outbox",
              key,
              sql`SELECT ${sql.literal(key.join(", "))} FROM ${dialect.rows(COLUMNS, rowsOf(entries))}`
            )
            .pipe(Effect.asVoid, operation("removeOutbox")),

    // Walked along the index from the oldest entry, so the cost does not grow with what waits behind.
    outboxUsers: Effect.fnUntraced(function* (platform, limit) {
      const users = new Set<number>()
      let rows = yield* page(platform, { queued_at: Number.MIN_SAFE_INTEGER, entry_no: 0 })
      while (rows.length > 0) {
        for (const { user_no } of rows) if (users.size < limit) users.add(user_no)
        if (users.size === limit || rows.length < PAGE) break
        yield* Effect.yieldNow()
        rows = yield* page(platform, rows.at(-1)!)
      }
      return [...users].map((user) => String(user) as UserNumber)
    }, operation("outboxUsers")),

    outboxSize: sql<{ entries: number; oldest: number | null }>`
      SELECT (SELECT COUNT(*) FROM outbox) AS entries, MIN(queued_at) AS oldest FROM (
        SELECT MIN(queued_at) AS queued_at FROM outbox WHERE platform = 'iOS'
        UNION ALL SELECT MIN(queued_at) FROM outbox WHERE platform = 'Android') x`.pipe(
      Effect.map((rows) => ({ entries: rows[0]!.entries, oldest: rows[0]!.oldest })),
      operation("outboxSize")
    ),

    expireOutbox: (before) => operation("expireOutbox")(inChunks(PAGE, expireSome(before)))
  }
}

interface OutboxRow {
  readonly user_no: number
  readonly device_no: number
  readonly kind: string
  readonly item_id: string
  readonly queued_at: number
}

const entryOf = (row: OutboxRow): OutboxEntry => ({
  user: String(row.user_no) as UserNumber,
  device: row.device_no as DeviceNumber,
  kind: row.kind as OutboxKind,
  itemId: row.item_id as ItemId,
  queuedAt: row.queued_at
})

const COLUMNS = {
  position: "number",
  user_no: "number",
  device_no: "number",
  kind: "text",
  item_id: "key",
  queued_at: "number"
} as const

/** Each of them once, the first one of several. */
const rowsOf = (entries: ReadonlyArray<OutboxEntry>) => {
  const rows = new Map<string, ReadonlyArray<string | number>>()
  for (const { user, device, kind, itemId, queuedAt } of entries) {
    const name = `${user} ${device} ${kind} ${itemId}`
    if (!rows.has(name)) rows.set(name, [rows.size, Number(user), device, kind, itemId, queuedAt])
  }
  return [...rows.values()]
}
