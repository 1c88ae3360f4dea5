import { hostname } from "node:os"
import { join } from "node:path"
import { type ConfigError, ConfigProvider, Effect, Layer, Redacted } from "effect"
import { isSealed } from "../layers/crypto/SealedText.ts"
import { isLoopback } from "../layers/net/Loopback.ts"
import { PUBLIC_URL_MAX, Settings, type SettingsShape, type TlsSettings } from "../schemas/Settings.ts"
import { type KeysFor, keySourceIn, openSealed, theMasterKey } from "./config/SealedSettings.ts"
import { ConfigProblem, type FoundText, readTexts, type Source } from "./config/Source.ts"
import { config, type Read, SECRETS, table } from "./config/Table.ts"

export { ConfigProblem, type Source } from "./config/Source.ts"

export interface Options extends Source {
  /** `serve` (default) also demands what only the running service needs; `administer` is for commands that send nothing. */
  readonly purpose?: "serve" | "administer" | undefined
  /** What sealed settings are opened with; default: the master key, which must exist. */
  readonly keys?: KeysFor
}

/** All settings from environment and `--config FILE`, defaults filled in, checked (contract section 5). */
export const layer = (options: Options = {}): Layer.Layer<Settings, ConfigProblem> =>
  Layer.effect(Settings, load(options))

/** Reads and checks the settings; names that are no settings are reported as warnings, because they are often typing errors. */
export const load = Effect.fn("Config.load")(function* (options: Options = {}) {
  const found = yield* readTexts(options, SECRETS)
  const texts = yield* openSealed(found, { known: NAMES, secret: SEALABLE }, options.keys ?? theMasterKey)
  for (const name of texts.keys()) {
    if (!NAMES.has(name)) yield* Effect.logWarning(`${name} is not a setting of this version and is ignored`)
  }
  const read = yield* config.pipe(
    Effect.withConfigProvider(ConfigProvider.fromMap(texts, { pathDelim: "\u0000" })),
    Effect.mapError((error) => new ConfigProblem({ problems: texted(error) }))
  )
  const settings = fill(read)
  const problems = contradictions(read, settings, options.purpose ?? "serve")
  if (settings.heartbeatCheckMinutes <= settings.statusFrequencyMinutes) {
    yield* Effect.logWarning(
      "ENS_HEARTBEAT_CHECK_MINUTES is not above ENS_STATUS_FREQUENCY_MINUTES: subscriptions will be overdue between two heartbeats; twice as much is usual"
    )
  }
  return problems.length > 0 ? yield* new ConfigProblem({ problems }) : settings
})

/** Where the master key is. Nothing but that is checked, and no sealed setting is opened. */
export const keySource = (source: Source) => Effect.map(readTexts(source, SECRETS), keySourceIn)

/** The settings that are sealed, as they stand. */
export const sealedSettings = (
  source: Source
): Effect.Effect<ReadonlyArray<readonly [name: string, found: FoundText]>, ConfigProblem> =>
  Effect.map(readTexts(source, SECRETS), (found) =>
    [...found].filter(([name, { text }]) => SEALABLE.has(name) && isSealed(text))
  )

/** A setting as `ens config` prints it. */
export interface Described {
  readonly name: string
  readonly value: string
  readonly about: string
}

/** The effective values, secrets hidden. */
export const describe = (settings: SettingsShape): ReadonlyArray<Described> =>
  Object.values(table).map(({ name, about, show }) => ({ name, value: show(settings), about }))

const NAMES: ReadonlySet<string> = new Set(Object.values(table).map((row) => row.name))

const SEALABLE: ReadonlySet<string> = new Set(SECRETS)

const texted = (error: ConfigError.ConfigError): ReadonlyArray<string> =>
  error._op === "And" || error._op === "Or"
    ? [...texted(error.left), ...texted(error.right)]
    : [error.message]

const fill = (read: Read): SettingsShape => ({
  host: read.host,
  port: read.port,
  adminHost: read.adminHost,
  adminPort: read.adminPort,
  publicUrl: publicUrl(read),
  basePaths: read.basePaths,
  environmentType: read.environmentType,
  tls: {
    certFile: read.tlsCertFile,
    keyFile: read.tlsKeyFile,
    pfxFile: read.tlsPfxFile,
    pfxPassword: read.tlsPfxPassword,
    minVersion: read.tlsMinVersion,
    clientCaFile: read.tlsClientCaFile,
    clientAuth: read.tlsClientAuth
  },
  trustedProxies: read.trustedProxies,
  limits: {
    address: read.limitAddress,
    failed: read.limitFailed,
    token: read.limitToken,
    user: read.limitUser,
    newUsers: read.limitNewUsers,
    registrations: read.limitRegistrations,
    connections: read.limitConnections,
    addressConnections: read.limitAddressConnections,
    handshakes: read.limitHandshakes
  },
  callbackSources: read.callbackSources,
  dataDir: read.dataDir,
  databaseUrl: read.databaseUrl ?? Redacted.make(`file:${join(read.dataDir, "ens.db")}`),
  masterKey:
    read.masterKey === undefined
      ? { file: read.masterKeyFile ?? join(read.dataDir, "master.key") }
      : { value: read.masterKey },
  statusFrequencyMinutes: read.statusFrequencyMinutes,
  heartbeatCheckMinutes: read.heartbeatCheckMinutes,
  webhookCredentials: read.webhookCredentials,
  callbackDeadline: read.callbackDeadline,
  callbackHeldMax: read.callbackHeldMax,
  renewRate: read.renewRate,
  minPolicy: read.minPolicy,
  ewsAllowedHosts: read.ewsAllowedHosts,
  autodiscoverUrls: read.autodiscoverUrls,
  ewsCaFile: read.ewsCaFile,
  ewsProxyUrl: read.ewsProxyUrl,
  ewsProxyBypass: read.ewsProxyBypass,
  ewsPasswordAuth: read.ewsPasswordAuth,
  ewsNoChannelBinding: read.ewsNoChannelBinding,
  ewsTlsMinVersion: read.ewsTlsMinVersion,
  segHosts: read.segHosts,
  segDeviceHeader: read.segDeviceHeader,
  segCheck: read.segCheck,
  keyPool: {
    batch: read.keyPoolBatch,
    threshold: read.keyPoolThreshold,
    interval: Math.round(read.keyPoolIntervalMinutes * 60_000)
  },
  userKeyMaxAge: read.userKeyMaxAge,
  retain: { devices: read.retainDevices, lost: read.retainLost, events: read.retainEvents },
  push: read.push ?? { ios: "log", android: "log" },
  pushLogFile: read.pushLogFile,
  cns: {
    url: read.cnsUrl.href,
    configFile: read.cnsConfigFile,
    certFile: read.cnsCertFile,
    certPassword: read.cnsCertPassword,
    pins: read.cnsPins,
    proxyUrl: read.cnsProxyUrl,
    caFile: read.cnsCaFile,
    cms: read.cnsCms
  },
  sns: {
    region: read.snsRegion,
    endpoint: read.snsEndpoint?.href,
    ios: read.snsPlatformArnIos,
    android: read.snsPlatformArnAndroid
  },
  fcm: { serviceAccountFile: read.fcmServiceAccountFile, endpoint: read.fcmEndpoint?.href },
  apns: {
    keyFile: read.apnsKeyFile,
    keyId: read.apnsKeyId,
    teamId: read.apnsTeamId,
    host: read.apnsHost,
    port: read.apnsPort
  },
  textNewMessage: read.textNewMessage,
  textNewMessages: read.textNewMessages,
  log: {
    format: read.logFormat ?? (process.stderr.isTTY ? "pretty" : "json"),
    level: read.logLevel,
    file: read.logFile
  },
  logRotation: { size: read.logMaxSize, age: read.logMaxAge, keep: read.logKeep },
  auditFile: read.auditFile,
  crashDumps: read.crashDumps,
  console: read.console,
  otel: {
    endpoint: read.otelEndpoint?.href,
    headers: read.otelHeaders,
    serviceName: read.otelServiceName,
    resourceAttributes: read.otelResourceAttributes,
    sampled: read.otelSampled
  }
})

const publicUrl = (read: Read): string => {
  const scheme = (read.tlsPfxFile ?? read.tlsCertFile) === undefined ? "http" : "https"
  const url = read.publicUrl ?? new URL(`${scheme}://${reachableHost(read.host)}:${read.port}`)
  const path = url.pathname.replace(/\/+$/, "")
  const usual =
    read.environmentType.toLowerCase() === "onprem" ? "/MailNotificationService/api/ens" : "/api/ens"
  return url.origin + (path === "" ? usual : path)
}

/** "All addresses" is none that Exchange could call. */
const reachableHost = (host: string) =>
  host === "0.0.0.0" || host === "::" ? hostname() : host.includes(":") ? `[${host}]` : host

const contradictions = (
  read: Read,
  settings: SettingsShape,
  purpose: "serve" | "administer"
): ReadonlyArray<string> => {
  const problems: Array<string> = []
  const url = new URL(settings.publicUrl)
  if (read.masterKey !== undefined && read.masterKeyFile !== undefined) {
    problems.push("ENS_MASTER_KEY and ENS_MASTER_KEY_FILE are both set; keep one of them")
  }
  if (read.masterKey !== undefined && !isKey(Redacted.value(read.masterKey))) {
    problems.push("ENS_MASTER_KEY must be base64 of 32 bytes; make one with: openssl rand -base64 32")
  }
  if (!/^(file:.|mssql:\/\/.)/.test(Redacted.value(settings.databaseUrl))) {
    problems.push("ENS_DATABASE_URL must be file:<path> or mssql://user:password@host:1433/database")
  }
  if (settings.publicUrl.length > PUBLIC_URL_MAX) {
    problems.push(
      `ENS_PUBLIC_URL must have at most ${PUBLIC_URL_MAX} characters with its path, because Exchange takes no longer callback URLs; it has ${settings.publicUrl.length}`
    )
  }
  if (settings.basePaths.length === 0) {
    problems.push("ENS_BASE_PATHS must name at least one path, like /api/ens")
  }
  if (new URL(settings.cns.url).protocol === "http:" && !isLoopback(new URL(settings.cns.url))) {
    problems.push("ENS_CNS_URL must be https; plain http is for loopback addresses only")
  }
  if (purpose === "serve" && settings.cns.configFile !== undefined && settings.cns.certFile !== undefined) {
    problems.push("ENS_CNS_CONFIG_FILE and ENS_CNS_CERT_FILE are both set; keep one of them")
  }
  if (settings.auditFile !== undefined && settings.auditFile === settings.log.file) {
    problems.push(
      "ENS_AUDIT_FILE must be another file than ENS_LOG_FILE, which is put aside and removed after a while"
    )
  }
  if (purpose === "serve") problems.push(...tlsProblems(settings.tls))
  if (purpose === "serve" && read.publicUrl === undefined && read.port === 0) {
    problems.push("ENS_PORT 0 (any free port) needs ENS_PUBLIC_URL, because Exchange has to know the port")
  }
  if (purpose === "serve" && read.push === undefined && !isLoopback(url)) {
    problems.push(
      `ENS_PUSH must name the push gateway (cns, sns, fcm, apns or log), because the public URL ${url.origin} is not a loopback address`
    )
  }
  return problems
}

const tlsProblems = (tls: TlsSettings): ReadonlyArray<string> => {
  const { certFile, clientAuth, clientCaFile, keyFile, pfxFile, pfxPassword } = tls
  const problems: Array<string> = []
  if (clientAuth !== "off" && clientCaFile === undefined) {
    problems.push(
      `ENS_TLS_CLIENT_AUTH ${clientAuth} needs ENS_TLS_CLIENT_CA_FILE, the authorities that sign the client certificates`
    )
  }
  if (clientAuth === "off" && clientCaFile !== undefined) {
    problems.push(
      "ENS_TLS_CLIENT_CA_FILE does nothing without ENS_TLS_CLIENT_AUTH; set that to callbacks, devices or all"
    )
  }
  if (clientAuth !== "off" && certFile === undefined && pfxFile === undefined) {
    problems.push(
      "ENS_TLS_CLIENT_AUTH needs a listener that speaks TLS: set ENS_TLS_CERT_FILE and ENS_TLS_KEY_FILE, or ENS_TLS_PFX_FILE"
    )
  }
  if (pfxFile !== undefined && (certFile ?? keyFile) !== undefined) {
    problems.push("ENS_TLS_PFX_FILE and ENS_TLS_CERT_FILE or ENS_TLS_KEY_FILE are set; keep one kind")
  } else if (certFile === undefined && keyFile !== undefined) {
    problems.push("ENS_TLS_KEY_FILE needs ENS_TLS_CERT_FILE, the certificate that belongs to the key")
  } else if (certFile !== undefined && keyFile === undefined) {
    problems.push("ENS_TLS_CERT_FILE needs ENS_TLS_KEY_FILE, the key that belongs to the certificate")
  }
  if (pfxPassword !== undefined && pfxFile === undefined) {
    problems.push("ENS_TLS_PFX_PASSWORD needs ENS_TLS_PFX_FILE, the file that it opens")
  }
  return problems
}

const isKey = (text: string) =>
  /^[A-Za-z0-9+/_-]{43}=?$/.test(text) && Buffer.from(text, "base64").length === 32
