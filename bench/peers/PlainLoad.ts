import { DatabaseSync } from "node:sqlite"

/**
 * The floor of a start: reads what ENS reads of every subscription from the database that the argument names, keeps the
 * rows in a `Map` and does nothing with them. No actors, timers, listener or checks.
 */
const began = performance.now()
const database = new DatabaseSync(process.argv[2]!, { readOnly: true })
const statement = database.prepare(`
  SELECT s.*, h.watermark, h.last_heard, h.unread, h.badge, h.ledger, u.refused, u.bucket
  FROM subscriptions s JOIN hot_states h ON h.user_no = s.user_no JOIN users u ON u.user_no = s.user_no
  ORDER BY s.user_no`)
const users = new Map<string, unknown>()
for (const row of statement.iterate()) users.set(String(row["user_no"]), row)
const readyMilliseconds = performance.now() - began

// Unfair to nobody: what a collection would free is not what the rows need.
globalThis.gc?.()
const { heapUsed, rss } = process.memoryUsage()
process.send?.({ users: users.size, readyMilliseconds, rss, heapUsed })
process.disconnect?.()
