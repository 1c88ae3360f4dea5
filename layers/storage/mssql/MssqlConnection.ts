import { SqlError } from "@effect/sql/SqlError"
import { Effect } from "effect"
import { Request } from "tedious"
import { failureOf, type ServerMessage } from "./MssqlFailureOf.ts"
import { CANCEL_WITHIN, Session } from "./MssqlSession.ts"
import { MssqlFailure } from "./MssqlTrouble.ts"
import type { MssqlConfig } from "./MssqlUrl.ts"
import { bind, bindOne, type MssqlColumn, valueOf } from "./MssqlValues.ts"

/** What a statement answered. */
export interface MssqlAnswer {
  readonly columns: ReadonlyArray<string>
  readonly rows: ReadonlyArray<ReadonlyArray<unknown>>
  /** Rows of the last of its statements that counts rows. */
  readonly changes: number
}

/**
 * One connection. It takes one statement at a time. An interrupted or late statement is cancelled (Attention, MS-TDS
 * 2.2.1.7); if the server does not confirm that in time, the connection is closed. Of a statement's time the last
 * fifth, at most a second, is for that.
 */
export interface MssqlConnection {
  /** By sp_executesql, with parameters @1, @2, …, and @epoch when given. */
  readonly run: (
    sql: string,
    values: ReadonlyArray<unknown>,
    epoch?: number
  ) => Effect.Effect<MssqlAnswer, SqlError>
  /** As a batch of its own, within `timeout` ms. */
  readonly batch: (sql: string, timeout?: number) => Effect.Effect<void, SqlError>
  readonly begin: Effect.Effect<void, SqlError>
  readonly commit: Effect.Effect<void, SqlError>
  /** Rolls back what there is to roll back, if anything. */
  readonly rollback: Effect.Effect<void, SqlError>
  /**
   * Open, with no statement under way, and surely without a transaction: after a statement that failed or was cancelled
   * only a ROLLBACK makes that sure (not every server tells the driver of transactions that a batch begins or ends).
   */
  readonly isIdle: () => boolean
  readonly isOpen: () => boolean
  readonly close: () => void
}

/** Opens a connection within `within` ms. `ca`: PEM text. `onClosed` is called once, whoever closed it. */
export const open = (
  config: MssqlConfig,
  within: number,
  ca: string | undefined,
  onClosed: () => void
): Effect.Effect<MssqlConnection, SqlError> =>
  Effect.async<MssqlConnection, SqlError>((resume) => {
    let said: ServerMessage | undefined
    let settled = false
    let abandoned = false
    const fail = (error: unknown) =>
      resume(
        Effect.fail(sqlError("the database cannot be reached", failureOf(withServer(error, said), false)))
      )
    const session = new Session(config, within, ca)
    // Driver timers do not cover a server that redirects; this one does.
    const timer = setTimeout(() => {
      abandoned = true
      fail(Object.assign(new Error(`no connection within ${within} ms`), { code: "ETIMEOUT" }))
    }, within + 100)
    session.on("errorMessage", (message) => {
      // The first says why; 18456 follows most others.
      said ??= message
    })
    // Without a listener an error event ends the process.
    session.on("error", () => session.close())
    session.connect((error) => {
      clearTimeout(timer)
      if (settled) return
      settled = true
      if (error !== undefined && error !== null) {
        session.close()
        fail(error)
      } else if (abandoned) session.close()
      else if (said !== undefined) {
        // The driver goes on without them; transactions rely on XACT_ABORT.
        session.close()
        fail(Object.assign(new Error(said.message), { code: "ELOGIN" }))
      } else {
        session.once("end", onClosed)
        resume(Effect.succeed(connectionOf(session, config.requestTimeout)))
      }
    })
    // A connection that is under way cannot be closed yet (the driver would go on with it); it is, once it is made.
    return Effect.sync(() => {
      abandoned = true
      if (settled) session.close()
    })
  })

const connectionOf = (session: Session, requestTimeout: number): MssqlConnection => {
  let unclean = false
  const close = () => {
    session.close()
    session.clearCancelTimer()
  }
  const start = (sql: string, how: (request: Request) => void, timeout: number) =>
    Effect.async<MssqlAnswer, SqlError>((resume) => {
      const rows: Array<ReadonlyArray<unknown>> = []
      let columns: ReadonlyArray<string> = []
      let changes = 0
      let unreadable: unknown
      let late = false
      let pending = true
      let ended = () => {}
      // A call in any other state is refused by the driver before it is sent.
      const sent = session.isReady()
      const confirming = Math.min(CANCEL_WITHIN, timeout / 5)
      const request = new Request(sql, (error) => {
        pending = false
        clearTimeout(timer)
        unclean ||= late || (error !== undefined && error !== null)
        if (late) resume(Effect.fail(tooLate(timeout)))
        else if (error !== undefined && error !== null) {
          const failure = failureOf(error, sent)
          if ((failure.class ?? 0) >= 20) close()
          resume(Effect.fail(sqlError("the database refused a statement", failure)))
        } else if (unreadable !== undefined) resume(Effect.die(unreadable))
        else resume(Effect.succeed({ columns, rows, changes }))
        ended()
      })
      const counted = (count: number | undefined) => {
        if (count !== undefined) changes = count
      }
      request.on("doneInProc", counted)
      request.on("done", counted)
      request.on("columnMetadata", (metadata) => {
        columns = (metadata as unknown as ReadonlyArray<MssqlColumn["metadata"]>).map((_) => _.colName)
      })
      request.on("row", (row: ReadonlyArray<MssqlColumn>) => {
        try {
          rows.push(row.map(valueOf))
        } catch (cause) {
          unreadable = cause
        }
      })
      const cancel = () => {
        unclean = true
        const unconfirmed = setTimeout(close, confirming)
        const before = ended
        ended = () => {
          clearTimeout(unconfirmed)
          before()
        }
        session.cancel()
      }
      // Not Effect.timeout: its fibers would be interrupted with their parent, also in the middle of a COMMIT.
      const timer = setTimeout(() => {
        late = true
        cancel()
      }, timeout - confirming)
      try {
        how(request)
      } catch (cause) {
        clearTimeout(timer)
        throw cause
      }
      return Effect.async<void>((done) => {
        clearTimeout(timer)
        if (!pending) return done(Effect.void)
        const before = ended
        ended = () => {
          before()
          done(Effect.void)
        }
        if (!late) cancel()
      })
    })
  const batch: MssqlConnection["batch"] = (sql, timeout = requestTimeout) =>
    Effect.asVoid(start(sql, (request) => session.execSqlBatch(request), timeout))
  const clean = Effect.sync(() => {
    unclean = false
  })
  return {
    run: (sql, values, epoch) =>
      start(
        sql,
        (request) => {
          bind(request, values)
          if (epoch !== undefined) bindOne(request, "epoch", epoch)
          session.execSql(request)
        },
        requestTimeout
      ),
    batch,
    begin: Effect.suspend(() => {
      unclean = true
      return batch("BEGIN TRAN")
    }),
    commit: Effect.zipLeft(batch("COMMIT TRAN"), clean),
    rollback: Effect.zipLeft(
      batch("IF @@TRANCOUNT > 0 ROLLBACK TRAN", Math.min(requestTimeout, ROLLBACK_WITHIN)),
      clean
    ),
    isIdle: () => session.isReady() && !session.inTransaction && !unclean,
    isOpen: () => !session.closed,
    close
  }
}

/** ms */
const ROLLBACK_WITHIN = 2000

const tooLate = (timeout: number) =>
  sqlError(
    "the database did not answer",
    new MssqlFailure({ message: `no answer within ${timeout} ms`, code: "ETIMEOUT", sent: true })
  )

const sqlError = (message: string, cause: MssqlFailure) => new SqlError({ message, cause })

/** A refused log-in comes without its number; the server's message before it has it. */
const withServer = (error: unknown, said: ServerMessage | undefined): unknown =>
  said === undefined || !(error instanceof Error) || !("code" in error) || error.code !== "ELOGIN"
    ? error
    : Object.assign(error, { number: said.number, class: said.class, state: said.state })
