import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite"

/** How a statement's answer is wanted: rows as objects, rows as arrays, or the count of rows that it changed. */
export type AnswerMode = "rows" | "values" | "changes"

/** Prepared statements of one connection; the `limit` most recently used ones are kept. */
export class SqliteStatements {
  readonly #database: DatabaseSync
  readonly #limit: number
  readonly #prepared = new Map<string, StatementSync>()

  constructor(database: DatabaseSync, limit = 200) {
    this.#database = database
    this.#limit = limit
  }

  /** Runs one statement to its end. Throws what `node:sqlite` throws. */
  run(sql: string, parameters: ReadonlyArray<unknown>, mode: AnswerMode): unknown {
    const statement = this.#prepare(sql)
    const values = parameters as ReadonlyArray<SQLInputValue>
    if (mode === "changes") return statement.run(...values)
    statement.setReturnArrays(mode === "values")
    return statement.all(...values)
  }

  #prepare(sql: string): StatementSync {
    const known = this.#prepared.get(sql)
    const statement = known ?? this.#database.prepare(sql)
    // A Map keeps insertion order: what was used last moves to the end, the first one is the one to drop.
    this.#prepared.delete(sql)
    this.#prepared.set(sql, statement)
    if (this.#prepared.size > this.#limit) this.#prepared.delete(this.#prepared.keys().next().value!)
    return statement
  }
}
