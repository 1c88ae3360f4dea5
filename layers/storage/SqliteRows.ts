import type { SQLInputValue, SQLOutputValue, StatementSync } from "node:sqlite"

export type Row = Record<string, SQLOutputValue>

/**
 * Rows of one prepared statement as objects. Those that `node:sqlite` makes are hash tables of 1.5 KB each, which while
 * 100,000 rows are read become old before they are garbage; these share one shape and are a tenth of that.
 */
export class SqliteRows {
  readonly #statement: StatementSync
  #columns: ReadonlyArray<string> = []
  #blank: Row = {}

  constructor(statement: StatementSync) {
    this.#statement = statement
  }

  all(parameters: ReadonlyArray<SQLInputValue>): ReadonlyArray<Row> {
    this.#statement.setReturnArrays(true)
    // With that, rows are arrays; the types do not tell.
    const rows: ReadonlyArray<unknown> = this.#statement.all(...parameters)
    return (rows as ReadonlyArray<ReadonlyArray<SQLOutputValue>>).map((values) => this.#row(values))
  }

  #row(values: ReadonlyArray<SQLOutputValue>): Row {
    // A migration may have added columns to what `*` means.
    if (values.length !== this.#columns.length) this.#learn()
    const row = { ...this.#blank }
    this.#columns.forEach((column, at) => {
      row[column] = values[at] ?? null
    })
    return row
  }

  #learn(): void {
    this.#columns = this.#statement.columns().map(({ name }) => name)
    this.#blank = Object.fromEntries(this.#columns.map((column) => [column, null]))
  }
}
