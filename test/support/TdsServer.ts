import { createServer, type Server, type Socket } from "node:net"
import { Effect, Redacted, type Scope } from "effect"
import type { MssqlConfig } from "../../layers/storage/mssql/MssqlUrl.ts"
import {
  batchOf,
  callOf,
  done,
  errorToken,
  loginAck,
  loginOf,
  type Message,
  PACKET,
  packets,
  preloginReply,
  reader,
  rowTokens,
  transactionChange,
  transactionOf
} from "./TdsServerWire.ts"

/** What the server answers to a statement. */
export type Reply =
  | {
      readonly rows: {
        readonly columns: ReadonlyArray<string>
        readonly rows: ReadonlyArray<ReadonlyArray<unknown>>
      }
    }
  | { readonly count: number }
  /** `class` 20 and more ends the connection. An error inside a transaction rolls it back, as XACT_ABORT has it. */
  | { readonly error: number; readonly class?: number; readonly message?: string }
  | { readonly after: number; readonly reply: Reply }
  /** These tokens and nothing else, whatever they are. */
  | { readonly tokens: ReadonlyArray<Buffer> }
  /** Begins to answer and does not end; a later Attention is answered in the same message. */
  | { readonly begun: ReadonlyArray<Buffer> }
  | "never"
  | "drop"

/** A statement as the server got it. */
export interface Received {
  readonly connection: number
  readonly sql: string
  readonly values: Readonly<Record<string, unknown>>
  /** Whether a transaction was open when it came. */
  readonly inTransaction: boolean
}

/** A connection as the server sees it. */
export interface Accepted {
  readonly id: number
  readonly user: string
  readonly app: string
  readonly readOnly: boolean
  open: boolean
  transaction: boolean
  attentions: number
}

/**
 * A TDS server that does what a test tells it. It knows no SQL, but the frame of transactions (BEGIN, COMMIT, ROLLBACK,
 * SAVE as a batch or as requests), the check of the epoch, XACT_ABORT and Attention.
 */
export class TdsServer {
  readonly statements: Array<Received> = []
  readonly connections: Array<Accepted> = []
  /** Rows of table `epochs`. */
  epoch = 0
  /** `silent` accepts connections and says nothing; a number refuses log-ins with that error. */
  login: "accept" | "silent" | number = "accept"
  /**
   * `quiet`: the transaction that an Attention ends is told before the answer. `told`: in it. `kept`: it does not end.
   * `ignored`: no answer.
   */
  attention: "quiet" | "told" | "kept" | "ignored" = "quiet"
  /** Whether the driver is told of transactions that begin and end (ENVCHANGE); it is not everywhere. */
  tells = true
  /** What it answers to PRELOGIN, to LOGIN7 and to the settings of a session. */
  prelogin: Buffer = preloginReply
  welcome: ReadonlyArray<Buffer> = [loginAck, done("done", 0)]
  settled: ReadonlyArray<Buffer> = [done("done", 0)]
  /** What it answers to an Attention. */
  acknowledgement: ReadonlyArray<Buffer> = [done("done", 0x20)]
  /** The settings of a session, as its client sent them. */
  settings = ""
  port = 0
  private readonly script: Array<{ readonly match: RegExp; readonly replies: Array<Reply> }> = []
  private readonly sockets = new Set<Socket>()
  private server: Server | undefined

  /** Statements that match get these replies one after the other, the last one for ever. */
  when(match: RegExp, ...replies: ReadonlyArray<Reply>): void {
    this.script.unshift({ match, replies: [...replies] })
  }

  config(more: Partial<MssqlConfig> = {}): MssqlConfig {
    return {
      host: "127.0.0.1",
      port: this.port,
      database: "ENS",
      user: "ens",
      password: Redacted.make("p4ssw0rd-of-the-database"),
      encrypt: false,
      trustServerCertificate: false,
      multiSubnetFailover: false,
      appName: "ENS",
      connectTimeout: 2000,
      requestTimeout: 2000,
      poolSize: 3,
      ...more
    }
  }

  /** Texts of the statements, those that only frame a transaction included. */
  texts(): ReadonlyArray<string> {
    return this.statements.map(({ sql }) => sql)
  }

  openTransactions(): number {
    return this.connections.filter(({ open, transaction }) => open && transaction).length
  }

  openConnections(): number {
    return this.connections.filter(({ open }) => open).length
  }

  /** Sends to all clients what none of them asked for. */
  sayUnasked(tokens: ReadonlyArray<Buffer>): void {
    for (const socket of this.sockets) socket.write(packets(tokens))
  }

  dropAll(): void {
    for (const socket of this.sockets) socket.destroy()
  }

  /** Reads nothing more of what the clients send. */
  deafen(): void {
    for (const socket of this.sockets) socket.pause()
  }

  readonly start: Effect.Effect<void> = Effect.async((resume) => {
    const server = createServer((socket) => this.serve(socket))
    this.server = server
    server.listen(this.port, "127.0.0.1", () => {
      const address = server.address()
      this.port = typeof address === "object" && address !== null ? address.port : 0
      resume(Effect.void)
    })
  })

  readonly stop: Effect.Effect<void> = Effect.async((resume) => {
    this.dropAll()
    if (this.server === undefined) return resume(Effect.void)
    this.server.close(() => resume(Effect.void))
    this.server = undefined
  })

  private serve(socket: Socket): void {
    this.sockets.add(socket)
    const read = reader()
    let session: Session | undefined
    socket.on("error", () => {})
    socket.on("close", () => {
      this.sockets.delete(socket)
      session?.end()
    })
    socket.on("data", (chunk) => {
      for (const message of read(chunk)) {
        if (this.login === "silent") return
        if (message.type === PACKET.prelogin) socket.write(packets([this.prelogin]))
        else if (message.type === PACKET.login) session = this.admit(socket, message)
        else session?.take(message)
      }
    })
  }

  private admit(socket: Socket, message: Message): Session | undefined {
    if (typeof this.login === "number") {
      const error = errorToken({
        number: this.login,
        class: 14,
        state: 1,
        message: "Login failed for user 'ens'."
      })
      socket.end(packets([error, done("done", 2)]))
      return undefined
    }
    const { user, app, readOnly } = loginOf(message.data)
    const accepted: Accepted = {
      id: this.connections.length,
      user,
      app,
      readOnly,
      open: true,
      transaction: false,
      attentions: 0
    }
    this.connections.push(accepted)
    socket.write(packets(this.welcome))
    return new Session(this, socket, accepted)
  }

  /** The reply to a statement; what nobody scripted touches no row. */
  replyTo(sql: string): Reply {
    const found = this.script.find(({ match }) => match.test(sql))
    if (found === undefined)
      return /^SELECT 1 AS one/.test(sql) ? { rows: { columns: ["one"], rows: [[1]] } } : { count: 0 }
    return found.replies.length > 1 ? found.replies.shift()! : found.replies[0]!
  }
}

/** A server on loopback, stopped with the scope. */
export const make: Effect.Effect<TdsServer, never, Scope.Scope> = Effect.gen(function* () {
  const server = new TdsServer()
  yield* server.start
  yield* Effect.addFinalizer(() => server.stop)
  return server
})

class Session {
  private readonly server: TdsServer
  private readonly socket: Socket
  private readonly accepted: Accepted
  private pending: { readonly timer?: NodeJS.Timeout } | undefined
  private begun = false

  constructor(server: TdsServer, socket: Socket, accepted: Accepted) {
    this.server = server
    this.socket = socket
    this.accepted = accepted
  }

  end(): void {
    clearTimeout(this.pending?.timer)
    this.accepted.open = false
    this.accepted.transaction = false
  }

  take({ type, data, ignored }: Message): void {
    if (type === PACKET.attention) return this.cancel()
    if (ignored) return this.send([done("done", 0)])
    if (type === PACKET.transaction) {
      const text = { 5: "BEGIN TRAN", 7: "COMMIT TRAN", 8: "ROLLBACK TRAN", 9: "SAVE TRAN" }[
        transactionOf(data)
      ]
      return this.statement(text ?? "", {}, false)
    }
    if (type === PACKET.batch) return this.statement(batchOf(data), {}, false)
    const { sql, values } = callOf(data)
    this.statement(sql, values, true)
  }

  private statement(sql: string, values: Record<string, unknown>, call: boolean): void {
    if (/^set ansi_nulls/.test(sql)) {
      this.server.settings = sql
      return this.send(this.server.settled)
    }
    this.server.statements.push({
      connection: this.accepted.id,
      sql,
      values,
      inTransaction: this.accepted.transaction
    })
    const before = call && sql.startsWith("BEGIN TRAN;") ? this.begin() : []
    const fenced = sql.includes("THROW 51000") && values["epoch"] !== BigInt(this.server.epoch)
    const reply: Reply = fenced
      ? { error: 51000, class: 16, message: "ENS fenced" }
      : this.server.replyTo(sql.replace(/^BEGIN TRAN;\n/, "").replace(/^IF NOT EXISTS .*THROW.*\n/, ""))
    this.answer(reply, sql, call, before)
  }

  private answer(reply: Reply, sql: string, call: boolean, before: ReadonlyArray<Buffer>): void {
    if (reply === "drop") return void this.socket.destroy()
    this.pending = {}
    if (reply === "never") return
    if ("begun" in reply) {
      this.begun = true
      this.socket.write(packets(reply.begun, false))
      return
    }
    if ("after" in reply) {
      this.pending = { timer: setTimeout(() => this.answer(reply.reply, sql, call, before), reply.after) }
      return
    }
    this.pending = undefined
    if ("tokens" in reply) return this.send(reply.tokens)
    if ("error" in reply) {
      const severity = reply.class ?? 16
      const message = reply.message ?? `scripted error ${reply.error}`
      this.send([
        ...before,
        errorToken({ number: reply.error, class: severity, state: 1, message }),
        ...this.rollback(),
        done(call ? "doneProc" : "done", 2)
      ])
      if (severity >= 20) this.socket.end()
      return
    }
    const tokens =
      "rows" in reply
        ? [rowTokens(reply.rows.columns, reply.rows.rows), done("doneInProc", 0x11, reply.rows.rows.length)]
        : call
          ? [done("doneInProc", 0x11, reply.count)]
          : []
    this.send([
      ...before,
      ...tokens,
      ...this.framed(sql, call),
      ...(call ? [Buffer.from([0x79, 0, 0, 0, 0]), done("doneProc", 0)] : [done("done", 0)])
    ])
  }

  /** What BEGIN, COMMIT and ROLLBACK change. */
  private framed(sql: string, call: boolean): ReadonlyArray<Buffer> {
    if (call) return sql.startsWith("BEGIN TRAN;") ? this.ended(9) : []
    if (/^BEGIN TRAN\b/.test(sql)) return this.begin()
    if (/^COMMIT\b/.test(sql)) return this.accepted.transaction ? this.ended(9) : [NOT_OPEN]
    if (/^IF @@TRANCOUNT > 0 ROLLBACK/.test(sql)) return this.rollback()
    if (/^ROLLBACK TRAN\b/.test(sql) && !this.accepted.transaction) return [NOT_OPEN]
    return /^ROLLBACK TRAN$/.test(sql) ? this.ended(10) : []
  }

  private begin(): ReadonlyArray<Buffer> {
    this.accepted.transaction = true
    return this.server.tells ? [transactionChange(8, this.accepted.id + 1)] : []
  }

  private ended(kind: 9 | 10): ReadonlyArray<Buffer> {
    this.accepted.transaction = false
    return this.server.tells ? [transactionChange(kind, this.accepted.id + 1)] : []
  }

  private rollback(): ReadonlyArray<Buffer> {
    return this.accepted.transaction ? this.ended(10) : []
  }

  private cancel(): void {
    this.accepted.attentions++
    if (this.server.attention === "ignored") return
    const running = this.pending !== undefined
    clearTimeout(this.pending?.timer)
    this.pending = undefined
    const rolledBack = this.server.attention === "kept" ? [] : this.rollback()
    const told = this.server.attention === "told"
    if (this.begun) {
      this.begun = false
      return this.send([...rolledBack, done("done", 0x20)])
    }
    if (running) this.send([...(told ? [] : rolledBack), done("done", 2)])
    this.send([...(told ? rolledBack : []), ...this.server.acknowledgement])
  }

  private send(tokens: ReadonlyArray<Buffer>): void {
    if (this.socket.writable) this.socket.write(packets(tokens))
  }
}

const NOT_OPEN = errorToken({
  number: 3902,
  class: 16,
  state: 1,
  message: "The request has no corresponding BEGIN TRANSACTION."
})
