import type { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"
import type { Dialect } from "./Dialect.ts"

/** As SQLite says it (https://sqlite.org/lang.html). */
export const make = (sql: SqlClient): Dialect => {
  const nothing = sql.literal("")
  return {
    limit: (rows, skip) => (skip === undefined ? sql`LIMIT ${rows}` : sql`LIMIT ${rows} OFFSET ${skip}`),
    some: (rows) => sql`LIMIT ${rows}`,
    inserted: (column) => column,
    updated: (table, set, where, column) => sql`
      UPDATE ${sql.literal(table)} SET ${set} WHERE ${where} RETURNING ${sql.literal(column)}`,
    deleted: (column) => ({ output: nothing, returning: sql.literal(`RETURNING ${column}`) }),
    held: nothing,
    heldRow: nothing,
    lockUser: () => Effect.void,
    long: (column, value) => ({ [column]: value }),
    keyOf: (column) => column,
    is: (column, value) => sql`${sql.literal(column)} = ${value}`,
    upsert: (table, key, values, first = {}) => sql`
      INSERT INTO ${sql.literal(table)} ${sql.insert({ ...key, ...values, ...first })}
      ON CONFLICT (${sql.literal(Object.keys(key).join(", "))}) DO UPDATE SET ${sql.update(values)}`,
    insertNew: (table, key, values) => sql`
      INSERT INTO ${sql.literal(table)} ${sql.insert({ ...key, ...values })} ON CONFLICT DO NOTHING`,
    unlessThere: () => ({ where: sql.literal("true"), onConflict: sql.literal("ON CONFLICT DO NOTHING") }),
    deleteThose: (table, columns, those) => sql`
      DELETE FROM ${sql.literal(table)} WHERE (${sql.literal(columns.join(", "))}) IN (${those})`,
    rows: (columns, rows) => {
      const selected = Object.entries(columns).map(([name, kind], index) =>
        kind === "bytes" ? `unhex(value ->> ${index}) AS ${name}` : `value ->> ${index} AS ${name}`
      )
      const json = JSON.stringify(
        rows.map((row) => row.map((value) => (value instanceof Uint8Array ? hex(value) : value)))
      )
      return sql`(SELECT ${sql.literal(selected.join(", "))} FROM json_each(${json})) x`
    }
  }
}

const hex = (bytes: Uint8Array) =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")
