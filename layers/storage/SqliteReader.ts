import { DatabaseSync } from "node:sqlite"
import { SqlError } from "@effect/sql/SqlError"
import { Effect, type Scope } from "effect"
import { type AnswerMode, SqliteStatements } from "./SqliteStatements.ts"

/** Reads on the calling thread. */
export type SqliteReader = (
  sql: string,
  parameters: ReadonlyArray<unknown>,
  mode: AnswerMode
) => Effect.Effect<unknown, SqlError>

/** A reader that finds the file locked looks again after so long (ms), so many times. */
const AGAIN_AFTER = 20
const AGAIN_TIMES = 50

/**
 * The reading connection of a database. In WAL mode nobody who writes holds it up; the moments in which a lock does
 * (another process recovers the file, or closes it as the last one) are waited for without stopping the event loop.
 */
export const make = (file: string): Effect.Effect<SqliteReader, SqlError, Scope.Scope> =>
  Effect.gen(function* () {
    const database = yield* Effect.acquireRelease(
      tryRead(() => new DatabaseSync(file, { readOnly: true, timeout: 0 })),
      (open) => Effect.sync(() => open.close())
    )
    const statements = new SqliteStatements(database)
    return (sql, parameters, mode) => {
      const read = tryRead(() => statements.run(sql, parameters, mode))
      const again = (times: number): Effect.Effect<unknown, SqlError> =>
        Effect.catchIf(
          read,
          (error) => times > 0 && isLocked(error),
          () =>
            Effect.delay(
              Effect.suspend(() => again(times - 1)),
              AGAIN_AFTER
            )
        )
      return again(AGAIN_TIMES)
    }
  })

const tryRead = <A>(read: () => A) =>
  Effect.try({
    try: read,
    catch: (cause) => new SqlError({ cause, message: "the database refused to read" })
  })

/** BUSY and LOCKED: https://sqlite.org/rescode.html */
const isLocked = ({ cause }: SqlError): boolean =>
  cause instanceof Error &&
  "errcode" in cause &&
  typeof cause.errcode === "number" &&
  (cause.errcode & 0xff) >= 5 &&
  (cause.errcode & 0xff) <= 6
