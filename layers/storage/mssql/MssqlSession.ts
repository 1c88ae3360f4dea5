import { Redacted } from "effect"
import { Connection } from "tedious"
import { MssqlMessages } from "./MssqlMessages.ts"
import { trusting, withoutNamingAddresses } from "./MssqlTls.ts"
import type { MssqlConfig } from "./MssqlUrl.ts"

/** ms the server has at most for confirming that a statement was cancelled. */
export const CANCEL_WITHIN = 1000

/** The driver would follow for ever. */
const ROUTED_AT_MOST = 5

/**
 * The driver's connection, made to bear what a server may send. What it cannot bear closes it; by itself the driver would
 * throw out of an event, which ends the process.
 */
export class Session extends Connection {
  private messages: MssqlMessages | undefined
  private routed = 0

  /** Does not connect yet. `ca`: PEM text. */
  constructor(config: MssqlConfig, connectTimeout: number, ca: string | undefined) {
    super(optionsOf(config, connectTimeout, ca))
  }

  /** Takes a statement. */
  isReady(): boolean {
    return !this.closed && this.state === this.STATE.LOGGED_IN
  }

  /** The first thing done on a connection to the server. */
  override sendPreLogin(): void {
    withoutNamingAddresses(this.messageIo)
    this.messages = new MssqlMessages(this.messageIo, () => this.close())
    super.sendPreLogin()
  }

  /** Closed is closed: the driver would go on with what was under way. */
  override transitionTo(state: Connection["state"]): void {
    if (this.state === this.STATE.FINAL) return
    if (state === this.STATE.REROUTING && ++this.routed > ROUTED_AT_MOST)
      return this.broken(new Error("the servers route the connection to one another"))
    if (state === this.STATE.SENT_LOGIN7_WITH_STANDARD_LOGIN) this.messages?.takeOver()
    super.transitionTo(state)
    if (this.state === this.STATE.LOGGED_IN) this.messages?.watch()
  }

  override createTokenStreamParser(...[message, handler]: Parameters<Connection["createTokenStreamParser"]>) {
    if ("attentionReceived" in handler) this.bear(handler)
    let acknowledged = false
    const contained = new Proxy(handler, {
      get: (target, name) => (token: unknown) => {
        try {
          acknowledged ||= name === "onDone" && (token as { attention?: boolean }).attention === true
          Reflect.get(target, name).call(target, token)
        } catch (cause) {
          this.broken(cause)
        }
      }
    })
    const parser = super.createTokenStreamParser(message, contained)
    parser.parser.on("error", (cause) => this.broken(cause))
    const emit = parser.emit.bind(parser)
    parser.emit = (event: string | symbol, ...args: Array<unknown>) => {
      if (event !== "end") return emit(event, ...args)
      // The statement has been answered already, by the end of the connection.
      if (this.state === this.STATE.FINAL) return false
      const heard = emit(event, ...args)
      if (acknowledged && this.state === this.STATE.SENT_ATTENTION) this.messages?.acknowledge()
      return heard
    }
    return parser
  }

  /** Counts of rows are relied on; `user options` of a server may have turned them off for everybody. */
  override getInitialSql(): string {
    return `${super.getInitialSql()}\nset nocount off`
  }

  private broken(cause: unknown): void {
    this.socketError(cause instanceof Error ? cause : new Error(String(cause)))
  }

  /** More than DONE may come with the answer to an Attention, e.g. ENVCHANGE. */
  private bear(handler: object): void {
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
    ...(ca === undefined ? {} : { cryptoCredentialsDetails: trusting(ca) }),
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
