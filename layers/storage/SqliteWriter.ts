import { Worker } from "node:worker_threads"
import { SqlError } from "@effect/sql/SqlError"
import { Effect, type Scope } from "effect"
import type { FromWriter, ToWriter, WriteFailure, WriteOrder, WriteRequest } from "./SqliteProtocol.ts"

/** A thread that dies is replaced at most so often (ms): starting one costs some 50 ms of a core. */
const START_EVERY = 500

/** More writes than this at once are refused: the disk does not follow. */
const WAITING_MAX = 20_000

/** SQLite failed, or the thread that runs it. `code`: https://sqlite.org/rescode.html, 0 = the thread ended. */
export class SqliteFailure extends Error {
  readonly code: number

  constructor(failure: WriteFailure) {
    super(failure.message)
    this.name = "SqliteFailure"
    this.code = failure.code
  }
}

/** Does an order in the writer thread. Interrupting the wait does not take the order back. */
export type SqliteWriter = (order: WriteOrder) => Effect.Effect<unknown, SqlError>

/**
 * What was asked is done before the thread ends, but nobody waits for a database that another process has locked: SQLite
 * makes up for a thread that was cut off when the file is opened again.
 */
const CLOSE_TIME = "1 second"

/** Starts the writer thread of a database; it ends with the scope, after what was asked is done, unless the disk hangs. */
export const make = (file: string): Effect.Effect<SqliteWriter, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new WriterThread(file)),
      (thread) =>
        Effect.promise(() => thread.close()).pipe(
          Effect.interruptible,
          Effect.timeoutFail({ duration: CLOSE_TIME, onTimeout: () => "late" }),
          Effect.catchAll(() => Effect.logWarning("the database did not close in time; is it locked?"))
        )
    ),
    (thread) => (order) => Effect.async((resume) => thread.ask(order, resume))
  )

type Resume = (result: Effect.Effect<unknown, SqlError>) => void

/** Our end of the thread. A thread that dies fails what it had in hand, and the next order starts another one. */
class WriterThread {
  readonly #file: string
  readonly #pending = new Map<number, Resume>()
  #worker: Worker | undefined
  #startedAt = Number.NEGATIVE_INFINITY
  #starting: NodeJS.Timeout | undefined
  #batch: Array<WriteRequest> = []
  #lastId = 0
  #closed = false

  constructor(file: string) {
    this.#file = file
  }

  ask(order: WriteOrder, resume: Resume): void {
    if (this.#closed) return resume(failWith(CLOSED))
    // Never refused: the next step of a transaction that others wait for.
    const isNew = order._tag === "Begin" || order.transaction === 0
    if (isNew && this.#pending.size >= WAITING_MAX)
      return resume(failWith({ message: "too many writes are waiting", code: 0 }))
    const id = ++this.#lastId
    this.#pending.set(id, resume)
    // One message for all that is asked in this turn of the event loop.
    if (this.#batch.push({ id, ...order }) === 1) queueMicrotask(() => this.#post())
  }

  close(): Promise<void> {
    this.#post()
    this.#closed = true
    clearTimeout(this.#starting)
    const worker = this.#worker
    if (worker === undefined) {
      this.#fail(CLOSED)
      return Promise.resolve()
    }
    return new Promise((resolve) => {
      worker.once("exit", () => resolve())
      worker.unref()
      worker.postMessage("close" satisfies ToWriter)
    })
  }

  #post(): void {
    if (this.#batch.length === 0 || this.#starting !== undefined) return
    if (this.#worker === undefined) {
      const pause = this.#startedAt + START_EVERY - performance.now()
      if (pause > 0) return this.#startIn(pause)
      this.#worker = this.#start()
    }
    const batch = this.#batch
    this.#batch = []
    this.#worker.postMessage(batch satisfies ToWriter)
  }

  #startIn(milliseconds: number): void {
    this.#starting = setTimeout(() => {
      this.#starting = undefined
      this.#post()
    }, milliseconds)
  }

  #start(): Worker {
    this.#startedAt = performance.now()
    const worker = new Worker(new URL("./SqliteWorker.ts", import.meta.url), { workerData: this.#file })
    let failure: WriteFailure = { message: "the writer thread ended", code: 0 }
    worker.on("message", (replies: FromWriter) => this.#settle(replies))
    worker.on("error", (error: Error & { readonly errcode?: number }) => {
      failure = { message: error.message, code: error.errcode ?? 0 }
    })
    worker.on("exit", () => {
      if (this.#worker === worker) this.#worker = undefined
      this.#fail(failure)
    })
    return worker
  }

  /** Nothing of what was asked has an answer any more. */
  #fail(failure: WriteFailure): void {
    const lost = [...this.#pending.values()]
    this.#pending.clear()
    this.#batch = []
    for (const resume of lost) resume(failWith(failure))
  }

  #settle(replies: FromWriter): void {
    for (const reply of replies) {
      const resume = this.#pending.get(reply.id)
      this.#pending.delete(reply.id)
      resume?.("failure" in reply ? failWith(reply.failure) : Effect.succeed(reply.answer))
    }
  }
}

const CLOSED: WriteFailure = { message: "the database is closed", code: 0 }

const failWith = (failure: WriteFailure) =>
  Effect.fail(
    new SqlError({ cause: new SqliteFailure(failure), message: "the database refused a statement" })
  )
