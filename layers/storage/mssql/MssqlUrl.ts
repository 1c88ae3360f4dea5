import { Either, Redacted } from "effect"

/** How to reach the database: what ENS_DATABASE_URL says when it begins with `mssql://`. */
export interface MssqlConfig {
  /** Host name of the server or of the availability group's listener, or an IP address (IPv6 without brackets). */
  readonly host: string
  /** Unused when there is an `instance`. */
  readonly port: number
  /** A named instance; its port is asked from the SQL Server Browser (UDP 1434). */
  readonly instance?: string
  readonly database: string
  readonly user: string
  readonly password: Redacted.Redacted<string>
  /** `strict` is TDS 8.0: TLS before the first TDS byte. */
  readonly encrypt: boolean | "strict"
  readonly trustServerCertificate: boolean
  /** Connects to all addresses of the listener at once and takes the first that answers. */
  readonly multiSubnetFailover: boolean
  /** The name in the server's certificate, if it is not the host. */
  readonly serverName?: string
  /** PEM file with the authorities that may sign the server's certificate. */
  readonly caFile?: string
  readonly appName: string
  /** ms; also how long a caller waits for a free connection. */
  readonly connectTimeout: number
  /** ms a statement may take, the time to cancel it included. */
  readonly requestTimeout: number
  /** Connections at most. */
  readonly poolSize: number
}

/** Reads `mssql://user:password@host:1433/ENS?…`. The Left says what ENS_DATABASE_URL must be and quotes nothing of it. */
export const parseMssqlUrl = (url: Redacted.Redacted<string>): Either.Either<MssqlConfig, string> =>
  Either.gen(function* () {
    const text = Redacted.value(url)
    if (!/^mssql:\/\//i.test(text) || !URL.canParse(text)) return yield* Either.left(SHAPE)
    const parsed = new URL(text)
    const user = yield* decoded(parsed.username, "user")
    const password = yield* decoded(parsed.password, "password")
    const database = yield* decoded(parsed.pathname.replace(/^\//, ""), "database")
    if (user === "" || password === "" || database === "" || parsed.hostname === "" || parsed.hash !== "") {
      return yield* Either.left(SHAPE)
    }
    if (parsed.pathname.indexOf("/", 1) >= 0) return yield* Either.left(SHAPE)
    const options = yield* optionsOf(parsed.searchParams)
    if (options.instance !== undefined && parsed.port !== "") {
      return yield* Either.left("ENS_DATABASE_URL must name a port or an instance, not both")
    }
    return {
      host: yield* decoded(parsed.hostname.replace(/^\[(.*)\]$/, "$1"), "host"),
      port: parsed.port === "" ? 1433 : Number(parsed.port),
      database,
      user,
      password: Redacted.make(password),
      encrypt: true,
      trustServerCertificate: false,
      multiSubnetFailover: false,
      appName: "ENS",
      connectTimeout: 5000,
      requestTimeout: 5000,
      poolSize: 10,
      ...options
    }
  })

/** For messages and logs: without user and password. */
export const locationOf = (config: MssqlConfig): string => {
  const host = config.host.includes(":") ? `[${config.host}]` : config.host
  const database = encodeURIComponent(config.database)
  return config.instance === undefined
    ? `mssql://${host}:${config.port}/${database}`
    : `mssql://${host}/${database}?instance=${encodeURIComponent(config.instance)}`
}

const SHAPE =
  "ENS_DATABASE_URL must look like mssql://user:password@host:1433/ENS?encrypt=true; write characters like @ : / ? # % in user, password and database as %40 %3A %2F %3F %23 %25"

const decoded = (text: string, what: string): Either.Either<string, string> =>
  Either.try({
    try: () => decodeURIComponent(text),
    catch: () => `ENS_DATABASE_URL must have a percent-encoded ${what} (write % as %25)`
  })

type Options = Partial<{ -readonly [K in keyof MssqlConfig]: MssqlConfig[K] }>

type Read = (value: string) => Either.Either<Options, string>

const optionsOf = (given: URLSearchParams): Either.Either<Options, string> =>
  Either.gen(function* () {
    const options: Options = {}
    const seen = new Set<string>()
    for (const [name, value] of given) {
      const key = name.toLowerCase()
      if (key === "readonlyintent" || key === "applicationintent") {
        return yield* Either.left(
          `ENS_DATABASE_URL must not have ${key}: ENS writes, a secondary replica refuses that`
        )
      }
      const read = OPTIONS[key]
      if (read === undefined) {
        // What follows an unencoded & or ? of a password would be a name here, so it is not repeated unless it is a word.
        const shown = /^[a-z]{2,40}$/i.test(name) ? `the option ${name}` : "one of its options"
        return yield* Either.left(
          `ENS_DATABASE_URL must have known options only, and ${shown} is not; known are ${NAMES}`
        )
      }
      if (seen.has(key)) return yield* Either.left(`ENS_DATABASE_URL must give ${key} once`)
      seen.add(key)
      Object.assign(options, yield* read(value))
    }
    return options
  })

const flag =
  (name: "encrypt" | "trustServerCertificate" | "multiSubnetFailover"): Read =>
  (value) => {
    const text = value.toLowerCase()
    return text === "true" || text === "false"
      ? Either.right({ [name]: text === "true" })
      : Either.left(
          `ENS_DATABASE_URL must have ${name}=true or ${name}=false${name === "encrypt" ? " or encrypt=strict" : ""}`
        )
  }

const count =
  (name: "connectTimeout" | "requestTimeout" | "poolSize", least: number, most: number): Read =>
  (value) =>
    /^\d{1,6}$/.test(value) && Number(value) >= least && Number(value) <= most
      ? Either.right({ [name]: Number(value) })
      : Either.left(`ENS_DATABASE_URL must have ${name} between ${least} and ${most}`)

const words =
  (name: "serverName" | "caFile" | "instance" | "appName"): Read =>
  (value) =>
    value === ""
      ? Either.left(`ENS_DATABASE_URL must not have an empty ${name}`)
      : Either.right({ [name]: value })

const OPTIONS: Readonly<Record<string, Read | undefined>> = Object.assign(Object.create(null), {
  encrypt: (value: string) =>
    value.toLowerCase() === "strict" ? Either.right({ encrypt: "strict" }) : flag("encrypt")(value),
  trustservercertificate: flag("trustServerCertificate"),
  multisubnetfailover: flag("multiSubnetFailover"),
  servername: words("serverName"),
  cafile: words("caFile"),
  instance: words("instance"),
  appname: words("appName"),
  connecttimeout: count("connectTimeout", 100, 60_000),
  requesttimeout: count("requestTimeout", 100, 600_000),
  poolsize: count("poolSize", 1, 100)
})

const NAMES =
  "encrypt, trustServerCertificate, multiSubnetFailover, serverName, caFile, instance, appName, connectTimeout, requestTimeout, poolSize"
