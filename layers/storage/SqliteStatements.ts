import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite"
import { SqliteRows } from "./SqliteRows.ts"

/** How a statement's answer is wanted: rows as objects, rows as arrays, or the count of rows that it changed. */
export type AnswerMode = "rows" | "values" | "changes"

interface Prepared {
  readonly statement: StatementSync
  readonly rows: SqliteRows
}

/** Prepared statements of one connection; the `limit` most recently used ones are kept. */
export class SqliteStatements {
  readonly #database: DatabaseSync
  readonly #limit: number
  readonly #prepared = new Map<string, Prepared>()

  constructor(database: DatabaseSync, limit = 200) {
    this.#database = database
    this.#limit = limit
  }

  /** Runs one statement to its end. Throws what `node:sqlite` throws. */
  run(sql: string, parameters: ReadonlyArray<unknown>, mode: AnswerMode): unknown {
    const { rows, statement } = this.#prepare(sql)
    const values = parameters as ReadonlyArray<SQLInputValue>
    if (mode === "changes") return statement.run(...values)
    if (mode === "rows") return rows.all(values)
    statement.setReturnArrays(true)
    return statement.all(...values)
  }

  #prepare(sql: string): Prepared {
    const prepared = this.#prepared.get(sql) ?? this.#prepareNew(sql)
    // A Map keeps insertion order: what was used last moves to the end, the first one is the one to drop.
    this.#prepared.delete(sql)
    this.#prepared.set(sql, prepared)
    if (this.#prepared.size > this.#limit) this.#prepared.delete(this.#prepared.keys().next().value!)
    return prepared
  }

  #prepareNew(sql: string): Prepared {
    const statement = this.#database.prepare(sql)
    return { statement, rows: new SqliteRows(statement) }
  }
}
