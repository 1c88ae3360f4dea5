import { createHash } from "node:crypto"
import type { SqlClient } from "@effect/sql/SqlClient"
import type { ColumnKind, Dialect, Value } from "./Dialect.ts"

/**
 * As SQL Server 2016 and later say it, with compatibility level 130 for OPENJSON
 * (https://learn.microsoft.com/sql/t-sql/language-reference). No MERGE: it is neither safe without hints nor everywhere.
 */
export const make = (sql: SqlClient): Dialect => {
  const nothing = sql.literal("")
  const where = (key: Readonly<Record<string, Value>>) =>
    sql.and(Object.entries(key).map(([column, value]) => sql`${sql.literal(column)} = ${value}`))
  const fetch = (rows: number, skip = 0) => sql`OFFSET ${skip} ROWS FETCH NEXT ${rows} ROWS ONLY`
  return {
    limit: fetch,
    some: (rows) => sql`ORDER BY (SELECT NULL) ${fetch(rows)}`,
    inserted: (column) => `INSERTED.${column}`,
    // OUTPUT would do, but Babelfish answers an outdated value after it waited for another transaction.
    updated: (table, set, where, column) => sql`
      UPDATE ${sql.literal(table)} SET ${set} WHERE ${where};
      SELECT ${sql.literal(column)} FROM ${sql.literal(table)} WHERE ${where}`,
    deleted: (column) => ({ output: sql.literal(`OUTPUT DELETED.${column}`), returning: nothing }),
    held: sql.literal(HELD),
    heldRow: sql.literal("WITH (UPDLOCK, ROWLOCK)"),
    // A write locks everywhere; a hint does not with Babelfish.
    lockUser: (user) => sql`UPDATE users SET refused = refused WHERE user_no = ${Number(user)}`,
    long: (column, value) => ({ [column]: value, [hashName(column)]: hashOf(value) }),
    keyOf: hashName,
    is: (column, value) => sql`${sql.literal(hashName(column))} = ${hashOf(value)}`,
    upsert: (table, key, values, first = {}) => sql`
      UPDATE ${sql.literal(`${table} ${HELD}`)} SET ${sql.update(values)} WHERE ${where(key)};
      IF @@ROWCOUNT = 0 INSERT INTO ${sql.literal(table)} ${sql.insert({ ...key, ...values, ...first })}`,
    insertNew: (table, key, values) => sql`
      IF NOT EXISTS (SELECT 1 FROM ${sql.literal(`${table} ${HELD}`)} WHERE ${where(key)})
      INSERT INTO ${sql.literal(table)} ${sql.insert({ ...key, ...values })}`,
    unlessThere: (table, key) => ({
      where: sql.literal(`NOT EXISTS (SELECT 1 FROM ${table} there ${HELD} WHERE ${joined("there", key)})`),
      onConflict: nothing
    }),
    deleteThose: (table, columns, those) => sql`
      DELETE gone FROM ${sql.literal(table)} gone JOIN (${those}) x ON ${sql.literal(joined("gone", columns))}`,
    rows: (columns, rows) => {
      const packed = pack(columns, rows)
      const json = JSON.stringify(rows.map((_, row) => packed.flatMap(({ inJson }) => inJson(row))))
      const schema: Array<string> = []
      for (const { fields } of packed)
        for (const [name, type] of fields) schema.push(`${name} ${type} '$[${schema.length}]'`)
      const selected = packed.map(({ beside, name, kind }) =>
        beside !== undefined
          ? sql`SUBSTRING(${beside}, ${sql.literal(`${name}_at, ${name}_size) AS ${name}`)}`
          : sql.literal(kind === "text" ? `${name} ${COLLATION} AS ${name}` : name)
      )
      return sql`(SELECT ${sql.csv(selected)} FROM OPENJSON(${json}) WITH (${sql.literal(schema.join(", "))})) x`
    }
  }
}

/** Locks what is there and what is not there alike, to the end of the transaction. */
const HELD = "WITH (UPDLOCK, SERIALIZABLE)"

/** Texts that come with a statement have the database's collation, which differs from that of our columns. */
const COLLATION = "COLLATE Latin1_General_BIN2"

const hashName = (column: string) => `${column}_hash`

/** Of the text as SQL Server keeps it. */
const hashOf = (text: string): Uint8Array =>
  new Uint8Array(createHash("sha256").update(text, "utf16le").digest())

const joined = (table: string, columns: ReadonlyArray<string>) =>
  columns.map((column) => `${table}.${column} = x.${column}`).join(" AND ")

interface Packed {
  readonly name: string
  readonly kind: ColumnKind
  /** Names and types of what it is in the JSON text. */
  readonly fields: ReadonlyArray<readonly [name: string, type: string]>
  readonly inJson: (row: number) => ReadonlyArray<string | number | null>
  /** The bytes of all rows, which the JSON text has the places of: JSON knows no bytes, and hex would double them. */
  readonly beside: Uint8Array | undefined
}

const pack = (
  columns: Readonly<Record<string, ColumnKind>>,
  rows: ReadonlyArray<ReadonlyArray<Value>>
): ReadonlyArray<Packed> =>
  Object.entries(columns).flatMap(([name, kind], index) =>
    packColumn(
      name,
      kind,
      rows.map((row) => row[index] ?? null)
    )
  )

const packColumn = (name: string, kind: ColumnKind, values: ReadonlyArray<Value>): ReadonlyArray<Packed> => {
  switch (kind) {
    case "number":
      return [plain(name, kind, "BIGINT", values)]
    case "text":
      return [plain(name, kind, "NVARCHAR(MAX)", values)]
    case "key":
      return [
        plain(name, "text", "NVARCHAR(MAX)", values),
        besides(
          hashName(name),
          values.map((value) => hashOf(String(value)))
        )
      ]
    case "bytes":
      return [
        besides(
          name,
          values.map((value) => value as Uint8Array)
        )
      ]
  }
}

const plain = (name: string, kind: ColumnKind, type: string, values: ReadonlyArray<Value>): Packed => ({
  name,
  kind,
  fields: [[name, type]],
  inJson: (row) => [values[row] as string | number | null],
  beside: undefined
})

const besides = (name: string, values: ReadonlyArray<Uint8Array>): Packed => {
  const places: Array<number> = []
  let end = 1
  for (const bytes of values) {
    places.push(end)
    end += bytes.length
  }
  return {
    name,
    kind: "bytes",
    fields: [
      [`${name}_at`, "BIGINT"],
      [`${name}_size`, "BIGINT"]
    ],
    inJson: (row) => [places[row]!, values[row]!.length],
    beside: new Uint8Array(Buffer.concat(values))
  }
}
