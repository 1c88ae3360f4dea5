import type { SqlClient } from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment, Statement } from "@effect/sql/Statement"
import type { Effect } from "effect"
import type { UserNumber } from "../../../schemas/Ids.ts"
import * as MssqlDialect from "./MssqlDialect.ts"
import * as SqliteDialect from "./SqliteDialect.ts"

/** What a column of `Dialect.rows` holds. `key` is a text that a unique key is about, however long it is. */
export type ColumnKind = "number" | "text" | "key" | "bytes"

export type Value = string | number | null | Uint8Array

/**
 * What SQLite and SQL Server say in different words. Table and column names are ours, never somebody's input.
 *
 * A long text that is part of a unique key (a device's token, an item's id) does not fit into an index of SQL Server. There it
 * has a column with its hash beside it, `<column>_hash`, which the key is about. The hash also tells apart what SQL Server
 * takes for equal: it ignores spaces at the end.
 */
export interface Dialect {
  /** At the end of a SELECT with ORDER BY: at most `rows` rows, without the first `skip` ones. */
  readonly limit: (rows: number, skip?: number) => Fragment
  /** At the end of a SELECT without ORDER BY: any rows, at most so many. */
  readonly some: (rows: number) => Fragment
  /** For `sql.insert(…).returning(…)`. */
  readonly inserted: (column: string) => string
  /** In a transaction: an UPDATE that answers a column as it is now. */
  readonly updated: <A extends object>(
    table: string,
    set: Fragment,
    where: Fragment,
    column: keyof A & string
  ) => Statement<A>
  /** A DELETE answers a column of what it deleted: `output` stands before WHERE, `returning` at the end. */
  readonly deleted: (column: string) => Answering
  /** After a table in FROM: what is read here cannot change before the transaction ends. */
  readonly held: Fragment
  /** The same for rows alone, not for what might come between them. */
  readonly heldRow: Fragment
  /**
   * First in a transaction that looks at something of a user and writes because of it: another one about the same user waits.
   * SQLite has one transaction at a time anyway.
   */
  readonly lockUser: (user: UserNumber) => Effect.Effect<unknown, SqlError>
  /** The columns of a long text in an INSERT or UPDATE. */
  readonly long: (column: string, value: string) => Readonly<Record<string, Value>>
  /** The column to compare long texts by. */
  readonly keyOf: (column: string) => string
  /** Whether a long text is this one, exactly. */
  readonly is: (column: string, value: string) => Fragment
  /** Sets `values` in the row with `key`, or adds it, then with `first` as well. Repeat it after a unique violation (`afterRaces`). */
  readonly upsert: (
    table: string,
    key: Readonly<Record<string, Value>>,
    values: Readonly<Record<string, Value>>,
    first?: Readonly<Record<string, Value>>
  ) => Statement<unknown>
  /** Adds a row if there is none with `key`. Repeat it after a unique violation (`afterRaces`). */
  readonly insertNew: (
    table: string,
    key: Readonly<Record<string, Value>>,
    values: Readonly<Record<string, Value>>
  ) => Statement<unknown>
  /** For INSERT … SELECT … FROM `rows`: `where` and `onConflict` (the statement's end) pass over rows whose key is there already. */
  readonly unlessThere: (
    table: string,
    key: ReadonlyArray<string>
  ) => { readonly where: Fragment; readonly onConflict: Fragment }
  /** Deletes the rows whose `columns` are those that a SELECT answers. */
  readonly deleteThose: (table: string, columns: ReadonlyArray<string>, those: Fragment) => Statement<unknown>
  /**
   * Any number of rows as a table named `x`, for FROM: they travel as one JSON text, bytes in it as hex or beside it. A key has
   * its columns as `long` names them. Texts must not need escapes in JSON, because Babelfish leaves them in.
   */
  readonly rows: (
    columns: Readonly<Record<string, ColumnKind>>,
    rows: ReadonlyArray<ReadonlyArray<Value>>
  ) => Fragment
}

/** One of both is empty. */
export interface Answering {
  readonly output: Fragment
  readonly returning: Fragment
}

/** The words of the database that `sql` talks to. */
export const dialectOf = (sql: SqlClient): Dialect =>
  sql.onDialectOrElse({ mssql: () => MssqlDialect.make(sql), orElse: () => SqliteDialect.make(sql) })
