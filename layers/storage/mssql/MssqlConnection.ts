import { SqlError } from "@effect/sql/SqlError"
import { Duration, Effect, Redacted } from "effect"
import { Connection, Request } from "tedious"
import { failureOf, type ServerMessage } from "./MssqlFailureOf.ts"
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
 * 2.2.1.7); if the server does not confirm that within a second, the connection is closed.
 */
export interface MssqlConnection {
  /** By sp_executesql, with parameters @1, @2, …, and @epoch when given. */
  readonly run: (
    sql: string,
    values: ReadonlyArray<unknown>,
    epoch?: number
  ) => Effect.Effect<MssqlAnswer, SqlError>
  /** As a batch of its own, for what concerns the session: BEGIN, COMMIT, ROLLBACK, SAVE. */
  readonly batch: (sql: string, timeout?: number) => Effect.Effect<void, SqlError>
  /** Open, with no statement under way and no transaction. */
  readonly isIdle: () => boolean
  readonly isOpen: () => boolean
  readonly inTransaction: () => boolean
  readonly close: () => void
}

/** ms the server has for confirming that a statement was cancelled. */
export const CANCEL_WITHIN = 1000

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
    const session = new Session(optionsOf(config, within, ca))
    // Driver timers do not cover a server that redirects; this one does.
    const timer = setTimeout(() => {
      abandoned = true
      fail(Object.assign(new Error(`no connection within ${within} ms`), { code: "ETIMEOUT" }))
      session.close()
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
      else {
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
      let ended = () => {}
      let pending = true
      // A call in any other state is refused by the driver before it is sent.
      const sent = session.isReady()
      const request = new Request(sql, (error) => {
        pending = false
        ended()
        if (error !== undefined && error !== null) {
          const failure = failureOf(error, sent)
          if ((failure.class ?? 0) >= 20) close()
          resume(Effect.fail(sqlError("the database refused a statement", failure)))
        } else if (unreadable !== undefined) resume(Effect.die(unreadable))
        else resume(Effect.succeed({ columns, rows, changes }))
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
      how(request)
      return Effect.async<void>((done) => {
        if (!pending) return done(Effect.void)
        const late = setTimeout(() => {
          close()
          done(Effect.void)
        }, CANCEL_WITHIN)
        ended = () => {
          clearTimeout(late)
          done(Effect.void)
        }
        session.cancel()
      })
    }).pipe(
      // Else a time limit could not end a statement of an uninterruptible region, such as a ROLLBACK.
      Effect.interruptible,
      Effect.timeoutFail({
        duration: Duration.millis(timeout),
        onTimeout: () =>
          sqlError(
            "the database did not answer",
            new MssqlFailure({ message: `no answer within ${timeout} ms`, code: "ETIMEOUT", sent: true })
          )
      })
    )
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
    batch: (sql, timeout = requestTimeout) =>
      Effect.asVoid(start(sql, (request) => session.execSqlBatch(request), timeout)),
    isIdle: () => session.isReady() && !session.inTransaction,
    isOpen: () => !session.closed,
    inTransaction: () => session.inTransaction,
    close
  }
}

/** The driver's connection, made to bear what a server may send along with its answer to an Attention. */
class Session extends Connection {
  isReady(): boolean {
    return !this.closed && this.state === this.STATE.LOGGED_IN
  }

  /** The driver throws out of an event, which ends the process, when the answer holds more than DONE, e.g. ENVCHANGE. */
  override createTokenStreamParser(...[message, handler]: Parameters<Connection["createTokenStreamParser"]>) {
    if ("attentionReceived" in handler) {
      const rolledBack = () => {
        this.transactionDescriptors.length = 1
        this.inTransaction = false
      }
      const ignored = Object.fromEntries(IGNORED.map((name) => [name, () => {}]))
      Object.assign(handler, ignored, {
        onCommitTransaction: rolledBack,
        onRollbackTransaction: rolledBack,
        onBeginTransaction: () => this.close()
      })
    }
    return super.createTokenStreamParser(message, handler)
  }
}

const IGNORED = [
  "onInfoMessage",
  "onErrorMessage",
  "onColMetadata",
  "onOrder",
  "onRow",
  "onReturnStatus",
  "onReturnValue",
  "onDoneProc",
  "onDoneInProc",
  "onDatabaseChange",
  "onLanguageChange",
  "onCharsetChange",
  "onSqlCollationChange",
  "onResetConnection"
]

const sqlError = (message: string, cause: MssqlFailure) => new SqlError({ message, cause })

/** A refused log-in comes without its number; the server's message before it has it. */
const withServer = (error: unknown, said: ServerMessage | undefined): unknown =>
  said === undefined || !(error instanceof Error) || !("code" in error) || error.code !== "ELOGIN"
    ? error
    : Object.assign(error, { number: said.number, class: said.class, state: said.state })

const optionsOf = (config: MssqlConfig, within: number, ca: string | undefined) => ({
  server: config.host,
  authentication: {
    type: "default" as const,
    options: { userName: config.user, password: Redacted.value(config.password) }
  },
  options: {
    ...(config.instance === undefined ? { port: config.port } : { instanceName: config.instance }),
    database: config.database,
    encrypt: config.encrypt,
    trustServerCertificate: config.trustServerCertificate,
    multiSubnetFailover: config.multiSubnetFailover,
    ...(config.serverName === undefined ? {} : { serverName: config.serverName }),
    ...(ca === undefined ? {} : { cryptoCredentialsDetails: { ca } }),
    appName: config.appName,
    connectTimeout: within,
    // Statements have their own clock: the driver's stops at the first row.
    requestTimeout: 0,
    cancelTimeout: CANCEL_WITHIN + 500,
    // The driver would begin its time anew with every try.
    maxRetriesOnTransientErrors: 0,
    // An error, and an Attention, roll the whole transaction back; nothing half done can be committed.
    abortTransactionOnError: true,
    useUTC: true,
    useColumnNames: false,
    rowCollectionOnDone: false,
    rowCollectionOnRequestCompletion: false
  }
})
