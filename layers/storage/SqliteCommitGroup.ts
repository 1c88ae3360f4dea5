import type { DatabaseSync } from "node:sqlite"
import type { WriteFailure, WriteReply, WriteRequest } from "./SqliteProtocol.ts"
import { SqliteStatements } from "./SqliteStatements.ts"

/**
 * A group is committed at the latest when it has been open so long (ms), or holds so many answers. On a slow disk it may be
 * open for as long as the last commit took, so that the disk is not asked more often than it can answer.
 */
const GROUP_LEAST = 5
const GROUP_MOST = 250
const GROUP_ANSWERS = 1000

/** How long to wait for another process's lock (ms). */
const LOCK_WAIT = 5000

/**
 * The writing connection. Statements and whole transactions that arrive together share one COMMIT, hence one fsync; who
 * asked hears of success only after it. Each transaction is a savepoint of the group, so one can be rolled back while
 * the others stay; statements of others wait until it has ended.
 */
export class SqliteCommitGroup {
  readonly #database: DatabaseSync
  readonly #statements: SqliteStatements
  readonly #reply: (reply: WriteReply) => void
  readonly #waiting: Array<WriteRequest> = []
  /** Ids and answers that become true with the next COMMIT. */
  #held: Array<{ readonly id: number; readonly answer: unknown }> = []
  #transaction = 0
  #openedAt = 0
  #commitTook = 0
  readonly #lockWait: number
  #lockedOut = false

  constructor(database: DatabaseSync, reply: (reply: WriteReply) => void, lockWait = LOCK_WAIT) {
    this.#database = database
    this.#lockWait = lockWait
    this.#waitForLocks(lockWait)
    this.#statements = new SqliteStatements(database)
    this.#reply = reply
  }

  /** Does what was asked as soon as the transaction that has the connection allows. */
  take(request: WriteRequest): void {
    if (this.#transaction !== 0 && request.transaction !== this.#transaction) {
      this.#waiting.push(request)
      return
    }
    this.#perform(request)
    this.#performWaiting()
  }

  /** Nothing more has arrived: make durable what is done, unless a transaction is still open. */
  settle(): void {
    if (this.#transaction === 0) this.#commit()
  }

  /** Does and commits all that was asked; transactions whose end has not been asked for are rolled back. */
  end(): void {
    while (this.#transaction !== 0) {
      this.#rollback()
      this.#performWaiting()
    }
    this.#commit()
  }

  #performWaiting(): void {
    while (this.#transaction === 0 && this.#waiting.length > 0) this.#perform(this.#waiting.shift()!)
  }

  #perform(request: WriteRequest): void {
    try {
      this.#dispatch(request)
    } catch (error) {
      this.#reply({ id: request.id, failure: failureOf(error) })
      this.#noticeLoss(failureOf(error))
    }
    if (this.#transaction === 0 && this.#isDue()) this.#commit()
  }

  #dispatch(request: WriteRequest): void {
    if (request.transaction !== this.#transaction && request._tag !== "Begin")
      return this.#answerGone(request)
    switch (request._tag) {
      case "Run": {
        this.#open()
        const answer = this.#statements.run(request.sql, request.parameters, request.mode)
        if (this.#transaction === 0) this.#held.push({ id: request.id, answer })
        else this.#reply({ id: request.id, answer })
        return
      }
      case "RunAlone":
        this.#commit()
        this.#database.exec(request.sql)
        return this.#reply({ id: request.id, answer: [] })
      case "Begin":
        this.#open()
        this.#exec("SAVEPOINT unit")
        this.#transaction = request.transaction
        return this.#reply({ id: request.id, answer: [] })
      case "Commit":
        this.#exec("RELEASE unit")
        this.#transaction = 0
        this.#held.push({ id: request.id, answer: [] })
        return
      case "Rollback":
        this.#rollback()
        return this.#reply({ id: request.id, answer: [] })
    }
  }

  /** SQLite ended the transaction by itself, or its thread was replaced: undone it is already. */
  #answerGone(request: WriteRequest): void {
    if (request._tag === "Rollback") this.#reply({ id: request.id, answer: [] })
    else this.#reply({ id: request.id, failure: { message: "the transaction is gone", code: SQLITE_ABORT } })
  }

  #open(): void {
    if (this.#database.isTransaction) return
    try {
      this.#exec("BEGIN IMMEDIATE")
    } catch (error) {
      // One has waited; if all that wait behind it did so too, nobody would get an answer in time.
      if (isBusy(error)) this.#lockOut(true)
      throw error
    }
    this.#lockOut(false)
    this.#openedAt = performance.now()
  }

  #lockOut(lockedOut: boolean): void {
    if (lockedOut === this.#lockedOut) return
    this.#lockedOut = lockedOut
    this.#waitForLocks(lockedOut ? 0 : this.#lockWait)
  }

  #waitForLocks(milliseconds: number): void {
    this.#database.exec(`PRAGMA busy_timeout = ${milliseconds}`)
  }

  #rollback(): void {
    this.#transaction = 0
    this.#exec("ROLLBACK TO unit")
    this.#exec("RELEASE unit")
  }

  #commit(): void {
    if (this.#database.isTransaction) {
      const began = performance.now()
      try {
        this.#exec("COMMIT")
        this.#commitTook = performance.now() - began
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec("ROLLBACK")
        this.#noticeLoss(failureOf(error))
        return
      }
    }
    const done = this.#held
    this.#held = []
    for (const reply of done) this.#reply(reply)
  }

  /** A full disk and the like end the whole group: nobody in it may believe that it was stored. */
  #noticeLoss(failure: WriteFailure): void {
    if (this.#database.isTransaction) return
    const lost = this.#held
    this.#held = []
    this.#transaction = 0
    for (const { id } of lost) this.#reply({ id, failure })
  }

  #isDue(): boolean {
    if (this.#held.length === 0 || this.#held.length >= GROUP_ANSWERS) return this.#held.length > 0
    const patience = Math.min(GROUP_MOST, Math.max(GROUP_LEAST, this.#commitTook))
    return performance.now() - this.#openedAt >= patience
  }

  #exec(sql: string): void {
    this.#statements.run(sql, [], "changes")
  }
}

/** https://sqlite.org/rescode.html */
const SQLITE_ABORT = 4
const SQLITE_BUSY = 5

const isBusy = (error: unknown): boolean => (failureOf(error).code & 0xff) === SQLITE_BUSY

const failureOf = (error: unknown): WriteFailure => ({
  message: error instanceof Error ? error.message : String(error),
  code: error instanceof Error && "errcode" in error && typeof error.errcode === "number" ? error.errcode : 0
})
