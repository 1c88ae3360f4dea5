import { Redacted } from "effect"
import { Connection } from "tedious"
import type { MssqlConfig } from "./MssqlUrl.ts"

/** ms the server has at most for confirming that a statement was cancelled. */
export const CANCEL_WITHIN = 1000

/** The driver's connection, made to bear what a server may send along with its answer to an Attention. */
export class Session extends Connection {
  /** Does not connect yet. `ca`: PEM text. */
  constructor(config: MssqlConfig, connectTimeout: number, ca: string | undefined) {
    super(optionsOf(config, connectTimeout, ca))
  }

  /** Takes a statement. */
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
