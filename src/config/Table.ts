import { resolve } from "node:path"
import { Config, ConfigError, Duration, Either, Redacted } from "effect"
import { parseMssqlUrl } from "../../layers/storage/mssql/MssqlUrl.ts"
import type { Policy } from "../../schemas/Push.ts"
import type {
  ClientAuth,
  GatewayName,
  PasswordAuth,
  PerApp,
  PerHost,
  Rate,
  SettingsShape,
  TlsVersion
} from "../../schemas/Settings.ts"
import * as Parse from "./Parse.ts"

/**
 * One row of the settings table: how it is read, and how `ens config` shows its effective value. What is shown can be
 * given as the setting again, unless it is a secret.
 */
export interface Row<A> {
  readonly name: string
  readonly about: string
  readonly config: Config.Config<A>
  /** Never shows a secret. */
  readonly show: (settings: SettingsShape) => string
}

const row = <A, const D>(
  name: string,
  about: string,
  parse: Parse.Parse<A>,
  otherwise: D,
  show: Row<A>["show"]
): Row<A | D> => ({
  name,
  about,
  show,
  config: Config.string(name).pipe(
    Config.mapOrFail((text) =>
      Either.mapLeft(parse(text), (must) => ConfigError.InvalidData([name], `${name} ${must}`))
    ),
    Config.withDefault<A | D>(otherwise),
    Config.withDescription(about)
  )
})

const secret = (text: string) => Either.right(Redacted.make(text))

const absolute: Parse.Parse<string> = (text) => Either.right(resolve(text))

const gateways = Parse.oneOf<GatewayName>("cns", "sns", "fcm", "apns", "log")

const push: Parse.Parse<SettingsShape["push"]> = (text) => {
  const chosen: { ios?: GatewayName; android?: GatewayName } = {}
  for (const part of text.split(",").map((item) => item.trim())) {
    const [, platform = "both", name = ""] = /^(?:(ios|android)=)?(\w+)$/i.exec(part) ?? []
    const gateway = gateways(name)
    if (Either.isLeft(gateway)) return Either.left(PUSH_FORM)
    if (platform.toLowerCase() !== "android") chosen.ios = gateway.right
    if (platform.toLowerCase() !== "ios") chosen.android = gateway.right
  }
  return chosen.ios !== undefined && chosen.android !== undefined
    ? Either.right({ ios: chosen.ios, android: chosen.android })
    : Either.left(PUSH_FORM)
}

const PUSH_FORM =
  "must be one of cns, sns, fcm, apns, log, or one for each platform, like ios=apns,android=fcm"

const level: Parse.Parse<SettingsShape["log"]["level"]> = (text) =>
  text.toLowerCase() === "warn"
    ? Either.right("warning")
    : Parse.oneOf("trace", "debug", "info", "warning", "error")(text)

/** The database's address without a password. Of what is no address, nobody knows where in it a password is. */
const showDatabase = ({ databaseUrl }: SettingsShape) => {
  const url = Redacted.value(databaseUrl)
  return url.startsWith("file:") || Either.isRight(parseMssqlUrl(databaseUrl))
    ? withoutPassword(url)
    : "mssql://<redacted>"
}

const withoutPassword = (url: string) => url.replace(/^([a-z]+:\/\/[^:@/]*):.*@/i, "$1:<redacted>@")

const proxyUrl: Parse.Parse<Redacted.Redacted<string>> = (text) => {
  const url = URL.parse(text)
  return url?.protocol === "http:" && url.hostname !== "" && url.pathname === "/" && url.search === ""
    ? Either.right(Redacted.make(text))
    : Either.left(
        "must be like http://proxy.example.com:3128 or http://user:password@proxy.example.com:3128 (a user DOMAIN\\name is written DOMAIN%5Cname)"
      )
}

const limit = (name: string, about: string, otherwise: Rate, shown: (s: SettingsShape) => Rate | undefined) =>
  row(name, about, Parse.rateOrOff, otherwise, (s) => Parse.rateOrOffText(shown(s)))

const NO_APP: PerApp = { otherwise: undefined, apps: new Map() }

const NO_ATTRIBUTES: Readonly<Record<string, string>> = {}

/** Every setting, in the order of the manual (contract section 5). Names are for ever, texts are for `ens config`. */
export const table = {
  host: row(
    "ENS_HOST",
    "address on which devices and Exchange are served",
    Parse.text,
    "127.0.0.1",
    (s) => s.host
  ),
  port: row("ENS_PORT", "its port", Parse.integer(0, 65_535), 8080, (s) => `${s.port}`),
  adminHost: row(
    "ENS_ADMIN_HOST",
    "address of the admin listener: metrics, readiness, documentation",
    Parse.text,
    "127.0.0.1",
    (s) => s.adminHost
  ),
  adminPort: row("ENS_ADMIN_PORT", "its port", Parse.integer(0, 65_535), 8081, (s) => `${s.adminPort}`),
  publicUrl: row(
    "ENS_PUBLIC_URL",
    "what Exchange calls back; may have a path",
    Parse.webUrl,
    undefined,
    (s) => s.publicUrl
  ),
  basePaths: row(
    "ENS_BASE_PATHS",
    "paths under which the device API is served",
    Parse.list(Parse.path),
    ["/api/ens", "/MailNotificationService/api/ens", "/MailNotificationsService/api/ens"],
    (s) => s.basePaths.join(",")
  ),
  environmentType: row(
    "ENS_ENVIRONMENT_TYPE",
    "environmentType in every answer to a device",
    Parse.text,
    "OnPrem",
    (s) => s.environmentType
  ),
  tlsCertFile: row(
    "ENS_TLS_CERT_FILE",
    "certificate (PEM, with its chain) with which devices and Exchange are served over TLS",
    absolute,
    undefined,
    (s) => s.tls.certFile ?? ""
  ),
  tlsKeyFile: row(
    "ENS_TLS_KEY_FILE",
    "its private key (PEM)",
    absolute,
    undefined,
    (s) => s.tls.keyFile ?? ""
  ),
  tlsPfxFile: row(
    "ENS_TLS_PFX_FILE",
    "certificate and key in one PKCS#12 file, instead of the two",
    absolute,
    undefined,
    (s) => s.tls.pfxFile ?? ""
  ),
  tlsPfxPassword: row("ENS_TLS_PFX_PASSWORD", "its password", secret, undefined, (s) =>
    s.tls.pfxPassword === undefined ? "" : "<redacted>"
  ),
  tlsMinVersion: row(
    "ENS_TLS_MIN_VERSION",
    "oldest TLS with which devices and Exchange are served: 1.0, 1.1, 1.2 or 1.3",
    Parse.oneOf<TlsVersion>("1.0", "1.1", "1.2", "1.3"),
    "1.2",
    (s) => s.tls.minVersion
  ),
  tlsClientCaFile: row(
    "ENS_TLS_CLIENT_CA_FILE",
    "PEM file of the authorities that sign client certificates",
    absolute,
    undefined,
    (s) => s.tls.clientCaFile ?? ""
  ),
  tlsClientAuth: row(
    "ENS_TLS_CLIENT_AUTH",
    "who has to show a client certificate: off, callbacks, devices or all",
    Parse.oneOf<ClientAuth>("off", "callbacks", "devices", "all"),
    "off",
    (s) => s.tls.clientAuth
  ),
  trustedProxies: row(
    "ENS_TRUSTED_PROXIES",
    "addresses (CIDRs) of proxies whose X-Forwarded-For counts",
    Parse.list(Parse.addressOrCidr),
    [],
    (s) => s.trustedProxies.join(",")
  ),
  limitAddress: limit(
    "ENS_LIMIT_ADDRESS",
    "requests from one source address, callbacks of Exchange not counted: a rate, or off",
    { count: 300, per: 1000, burst: 3000 },
    (s) => s.limits.address
  ),
  limitFailed: limit(
    "ENS_LIMIT_FAILED",
    "requests from one source address that are refused, and forged callbacks",
    { count: 5, per: 1000, burst: 100 },
    (s) => s.limits.failed
  ),
  limitToken: limit(
    "ENS_LIMIT_TOKEN",
    "requests with one API token",
    { count: 500, per: 1000, burst: 5000 },
    (s) => s.limits.token
  ),
  limitUser: limit(
    "ENS_LIMIT_USER",
    "requests about one user, for each endpoint",
    { count: 60, per: 60_000, burst: 60 },
    (s) => s.limits.user
  ),
  limitNewUsers: limit(
    "ENS_LIMIT_NEW_USERS",
    "users of one organisation for whom keys are asked and who do not register",
    { count: 120, per: 60_000, burst: 500 },
    (s) => s.limits.newUsers
  ),
  limitRegistrations: row(
    "ENS_LIMIT_REGISTRATIONS",
    "registrations under way at once",
    Parse.integer(1, 100_000),
    2000,
    (s) => `${s.limits.registrations}`
  ),
  limitConnections: row(
    "ENS_LIMIT_CONNECTIONS",
    "connections to the public listener at once",
    Parse.integer(10, 1_000_000),
    20_000,
    (s) => `${s.limits.connections}`
  ),
  limitAddressConnections: row(
    "ENS_LIMIT_ADDRESS_CONNECTIONS",
    "of them from one source address that is no trusted proxy",
    Parse.integer(1, 1_000_000),
    1000,
    (s) => `${s.limits.addressConnections}`
  ),
  limitHandshakes: limit(
    "ENS_LIMIT_HANDSHAKES",
    "new TLS connections from one source address that is no trusted proxy",
    { count: 300, per: 1000, burst: 3000 },
    (s) => s.limits.handshakes
  ),
  dataDir: row(
    "ENS_DATA_DIR",
    "directory of the embedded database and of generated keys",
    absolute,
    resolve("data"),
    (s) => s.dataDir
  ),
  databaseUrl: row(
    "ENS_DATABASE_URL",
    "file:<path> (embedded), or mssql://user:password@host:1433/ENS",
    secret,
    undefined,
    showDatabase
  ),
  masterKeyFile: row(
    "ENS_MASTER_KEY_FILE",
    "file of the key that wraps all keys at rest; made for a new database",
    absolute,
    undefined,
    (s) => ("file" in s.masterKey ? s.masterKey.file : "")
  ),
  masterKey: row(
    "ENS_MASTER_KEY",
    "the key itself (base64 of 32 bytes), instead of a file",
    secret,
    undefined,
    (s) => ("file" in s.masterKey ? "" : "<redacted>")
  ),
  statusFrequencyMinutes: row(
    "ENS_STATUS_FREQUENCY_MINUTES",
    "how often Exchange reports when nothing happens",
    Parse.minutes(1440),
    15,
    (s) => `${s.statusFrequencyMinutes}`
  ),
  heartbeatCheckMinutes: row(
    "ENS_HEARTBEAT_CHECK_MINUTES",
    "silence after which a subscription is overdue",
    Parse.minutes(10_080),
    30,
    (s) => `${s.heartbeatCheckMinutes}`
  ),
  webhookCredentials: row(
    "ENS_WEBHOOK_CREDENTIALS",
    "how credentials rest in the callback URL: sealed or rsa",
    Parse.oneOf("sealed", "rsa"),
    "sealed",
    (s) => s.webhookCredentials
  ),
  callbackDeadline: row(
    "ENS_CALLBACK_DEADLINE",
    "time within which a callback is answered",
    Parse.duration(Duration.millis(100), Duration.minutes(1)),
    10_000,
    (s) => Parse.durationText(s.callbackDeadline)
  ),
  callbackHeldMax: row(
    "ENS_CALLBACK_HELD_MAX",
    "callbacks held at once per source address; above it mails go out without details",
    Parse.integer(1, 100_000),
    64,
    (s) => `${s.callbackHeldMax}`
  ),
  callbackSources: row(
    "ENS_CALLBACK_SOURCES",
    "addresses (CIDRs) from which callbacks may come; none = from everywhere",
    Parse.list(Parse.addressOrCidr),
    [],
    (s) => s.callbackSources.join(",")
  ),
  renewRate: row(
    "ENS_RENEW_RATE",
    "silent pushes a second, and subscriptions a second that are renewed because settings changed",
    Parse.integer(1, 100_000),
    50,
    (s) => `${s.renewRate}`
  ),
  minPolicy: row(
    "ENS_MIN_POLICY",
    "least restrictive policy that a device may choose: 0 all, 1 no preview, 2 sender, 3 generic text, 4 badge",
    (text) => Either.map(Parse.integer(0, 4)(text), (value) => value as Policy),
    0,
    (s) => `${s.minPolicy}`
  ),
  ewsAllowedHosts: row(
    "ENS_EWS_ALLOWED_HOSTS",
    "hosts (names, CIDRs) to which any tenant's credentials may go",
    Parse.list(Parse.hostOrCidr),
    [],
    (s) => s.ewsAllowedHosts.join(",")
  ),
  autodiscoverUrls: row(
    "ENS_AUTODISCOVER_URLS",
    "Autodiscover services that are asked before those that the domain's name suggests",
    Parse.list(Parse.httpUrl),
    [],
    (s) => s.autodiscoverUrls.join(",")
  ),
  ewsCaFile: row(
    "ENS_EWS_CA_FILE",
    "PEM file of certificate authorities to trust besides the known ones",
    absolute,
    undefined,
    (s) => s.ewsCaFile ?? ""
  ),
  ewsProxyUrl: row(
    "ENS_EWS_PROXY_URL",
    "proxy for all connections to Exchange: http://user:password@host:port",
    proxyUrl,
    undefined,
    (s) => (s.ewsProxyUrl === undefined ? "" : withoutPassword(Redacted.value(s.ewsProxyUrl)))
  ),
  ewsProxyBypass: row(
    "ENS_EWS_PROXY_BYPASS",
    "hosts (names, CIDRs) that are reached without the proxy",
    Parse.list(Parse.hostOrCidr),
    [],
    (s) => s.ewsProxyBypass.join(",")
  ),
  ewsPasswordAuth: row(
    "ENS_EWS_PASSWORD_AUTH",
    "how passwords log in: auto, basic or ntlm, and host=… for some hosts",
    Parse.perHost(Parse.oneOf<PasswordAuth>("auto", "basic", "ntlm"), "auto"),
    { otherwise: "auto", hosts: new Map() } as PerHost<PasswordAuth>,
    (s) => Parse.perHostText(s.ewsPasswordAuth)
  ),
  ewsNoChannelBinding: row(
    "ENS_EWS_NO_CHANNEL_BINDING",
    "hosts behind something that ends TLS: NTLM is sent without channel binding",
    Parse.list(Parse.hostOrCidr),
    [],
    (s) => s.ewsNoChannelBinding.join(",")
  ),
  ewsTlsMinVersion: row(
    "ENS_EWS_TLS_MIN_VERSION",
    "oldest TLS spoken with listed Exchange hosts: 1.0, 1.1, 1.2 or 1.3",
    Parse.oneOf<TlsVersion>("1.0", "1.1", "1.2", "1.3"),
    "1.2",
    (s) => s.ewsTlsMinVersion
  ),
  segHosts: row(
    "ENS_SEG_HOSTS",
    "hosts (names, CIDRs) that are Secure Email Gateways",
    Parse.list(Parse.hostOrCidr),
    [],
    (s) => s.segHosts.join(",")
  ),
  segDeviceHeader: row(
    "ENS_SEG_DEVICE_HEADER",
    "header that names a user's devices to the gateway",
    Parse.headerName,
    "X-AW-ENS-DEVICES",
    (s) => s.segDeviceHeader
  ),
  segCheck: row(
    "ENS_SEG_CHECK",
    "device (each on its own) or user (one call for all)",
    Parse.oneOf("device", "user"),
    "device",
    (s) => s.segCheck
  ),
  keyPoolBatch: row(
    "ENS_KEYPOOL_BATCH",
    "RSA keys made in one go",
    Parse.integer(1, 100_000),
    500,
    (s) => `${s.keyPool.batch}`
  ),
  keyPoolThreshold: row(
    "ENS_KEYPOOL_THRESHOLD",
    "the pool is refilled when fewer keys are left",
    Parse.integer(0, 100_000),
    250,
    (s) => `${s.keyPool.threshold}`
  ),
  keyPoolIntervalMinutes: row(
    "ENS_KEYPOOL_INTERVAL_MINUTES",
    "how often the pool is looked at anyway",
    Parse.minutes(10_080),
    120,
    (s) => `${s.keyPool.interval / 60_000}`
  ),
  userKeyMaxAge: row(
    "ENS_USER_KEY_MAX_AGE",
    "older keys of a user are replaced, without his doing; or never",
    Parse.durationOrNever(Duration.minutes(1), Duration.days(3650)),
    Duration.toMillis("365 days"),
    (s) => Parse.durationOrNeverText(s.userKeyMaxAge)
  ),
  retainDevices: row(
    "ENS_RETAIN_DEVICES",
    "devices whose app was not heard of for so long are removed; or never",
    Parse.durationOrNever(Duration.hours(1), Duration.days(3650)),
    Duration.toMillis("400 days"),
    (s) => Parse.durationOrNeverText(s.retain.devices)
  ),
  retainLost: row(
    "ENS_RETAIN_LOST",
    "users whose subscription has been lost for so long are removed; or never",
    Parse.durationOrNever(Duration.hours(1), Duration.days(3650)),
    Duration.toMillis("90 days"),
    (s) => Parse.durationOrNeverText(s.retain.lost)
  ),
  retainEvents: row(
    "ENS_RETAIN_EVENTS",
    "what happened (users' histories since their last event, dead letters) is kept for so long; or never",
    Parse.durationOrNever(Duration.hours(1), Duration.days(3650)),
    Duration.toMillis("30 days"),
    (s) => Parse.durationOrNeverText(s.retain.events)
  ),
  push: row(
    "ENS_PUSH",
    "push gateway, or one for each platform (ios=…,android=…): cns, sns, fcm, apns, log",
    push,
    undefined,
    (s) => `ios=${s.push.ios},android=${s.push.android}`
  ),
  pushLogFile: row(
    "ENS_PUSH_LOG_FILE",
    "file to which the gateway log appends one JSON line per notification",
    absolute,
    undefined,
    (s) => s.pushLogFile ?? ""
  ),
  cnsUrl: row(
    "ENS_CNS_URL",
    "address of the gateway cns",
    Parse.webUrl,
    new URL("https://cns.awmdm.com/nws/notify/apns"),
    (s) => s.cns.url
  ),
  cnsConfigFile: row(
    "ENS_CNS_CONFIG_FILE",
    "config.xml of the Workspace ONE console, which holds the CNS certificate",
    absolute,
    undefined,
    (s) => s.cns.configFile ?? ""
  ),
  cnsCertFile: row(
    "ENS_CNS_CERT_FILE",
    "the CNS certificate as a PKCS#12 file, instead of config.xml",
    absolute,
    undefined,
    (s) => s.cns.certFile ?? ""
  ),
  cnsCertPassword: row("ENS_CNS_CERT_PASSWORD", "password of the CNS certificate", secret, undefined, (s) =>
    s.cns.certPassword === undefined ? "" : "<redacted>"
  ),
  cnsPins: row(
    "ENS_CNS_PINS",
    "SHA-256 fingerprints of CNS's certificate or public key, besides the CA check",
    Parse.list(Parse.fingerprint),
    [],
    (s) => s.cns.pins.join(",")
  ),
  cnsProxyUrl: row(
    "ENS_CNS_PROXY_URL",
    "proxy for CNS: http://user:password@host:port",
    proxyUrl,
    undefined,
    (s) => (s.cns.proxyUrl === undefined ? "" : withoutPassword(Redacted.value(s.cns.proxyUrl)))
  ),
  cnsCaFile: row(
    "ENS_CNS_CA_FILE",
    "PEM file of certificate authorities to trust for CNS besides the known ones",
    absolute,
    undefined,
    (s) => s.cns.caFile ?? ""
  ),
  cnsCms: row(
    "ENS_CNS_CMS",
    "separator and digest of CNS's signature header",
    Parse.cms,
    { separator: "'1", digest: "sha256" } as const,
    (s) => `${s.cns.cms.separator},${s.cns.cms.digest}`
  ),
  snsRegion: row(
    "ENS_SNS_REGION",
    "AWS region of the gateway sns",
    Parse.text,
    undefined,
    (s) => s.sns.region ?? ""
  ),
  snsEndpoint: row(
    "ENS_SNS_ENDPOINT",
    "address of the gateway sns, if it is not AWS's own",
    Parse.webUrl,
    undefined,
    (s) => s.sns.endpoint ?? ""
  ),
  snsPlatformArnIos: row(
    "ENS_SNS_PLATFORM_ARN_IOS",
    "platform application for iOS, or bundleId=ARN for each app",
    Parse.perApp,
    NO_APP,
    (s) => Parse.perAppText(s.sns.ios)
  ),
  snsPlatformArnAndroid: row(
    "ENS_SNS_PLATFORM_ARN_ANDROID",
    "platform application for Android, or bundleId=ARN for each app",
    Parse.perApp,
    NO_APP,
    (s) => Parse.perAppText(s.sns.android)
  ),
  fcmServiceAccountFile: row(
    "ENS_FCM_SERVICE_ACCOUNT_FILE",
    "service account (JSON) of the gateway fcm",
    absolute,
    undefined,
    (s) => s.fcm.serviceAccountFile ?? ""
  ),
  fcmEndpoint: row(
    "ENS_FCM_ENDPOINT",
    "address of the gateway fcm, if it is not Google's own",
    Parse.webUrl,
    undefined,
    (s) => s.fcm.endpoint ?? ""
  ),
  apnsKeyFile: row(
    "ENS_APNS_KEY_FILE",
    "Apple's key file (.p8), or bundleId=file for each app",
    Parse.perApp,
    NO_APP,
    (s) => Parse.perAppText(s.apns.keyFile)
  ),
  apnsKeyId: row("ENS_APNS_KEY_ID", "the key's id, or bundleId=id for each app", Parse.perApp, NO_APP, (s) =>
    Parse.perAppText(s.apns.keyId)
  ),
  apnsTeamId: row(
    "ENS_APNS_TEAM_ID",
    "the team's id, or bundleId=id for each app",
    Parse.perApp,
    NO_APP,
    (s) => Parse.perAppText(s.apns.teamId)
  ),
  apnsHost: row(
    "ENS_APNS_HOST",
    "host of the gateway apns, if it is not Apple's own",
    Parse.text,
    undefined,
    (s) => s.apns.host ?? ""
  ),
  apnsPort: row("ENS_APNS_PORT", "its port", Parse.integer(1, 65_535), 443, (s) => `${s.apns.port}`),
  textNewMessage: row(
    "ENS_TEXT_NEW_MESSAGE",
    "text shown for a mail whose details may not be shown",
    Parse.text,
    "New message",
    (s) => s.textNewMessage
  ),
  textNewMessages: row(
    "ENS_TEXT_N_NEW_MESSAGES",
    "text for several mails at once, %d is their number",
    (text) => (text.includes("%d") ? Either.right(text) : Either.left("must contain %d for the number")),
    "%d new messages",
    (s) => s.textNewMessages
  ),
  logFormat: row(
    "ENS_LOG_FORMAT",
    "pretty, json, or ens2 (the legacy line)",
    Parse.oneOf("pretty", "json", "ens2"),
    undefined,
    (s) => s.log.format
  ),
  logLevel: row("ENS_LOG_LEVEL", "trace, debug, info, warning, or error", level, "info", (s) => s.log.level),
  logFile: row(
    "ENS_LOG_FILE",
    "file to which log lines are appended, instead of standard error",
    absolute,
    undefined,
    (s) => s.log.file ?? ""
  ),
  logMaxSize: row(
    "ENS_LOG_MAX_SIZE",
    "the log file is put aside when it is larger, like 100 MB; or never",
    Parse.sizeOrNever(64 * 1024, 2 ** 40),
    100 * 1024 ** 2,
    (s) => Parse.sizeOrNeverText(s.logRotation.size)
  ),
  logMaxAge: row(
    "ENS_LOG_MAX_AGE",
    "the log file is put aside when it is older; or never",
    Parse.durationOrNever(Duration.minutes(1), Duration.days(3650)),
    Duration.toMillis("1 day"),
    (s) => Parse.durationOrNeverText(s.logRotation.age)
  ),
  logKeep: row(
    "ENS_LOG_KEEP",
    "so many log files that were put aside are kept",
    Parse.integer(0, 10_000),
    14,
    (s) => `${s.logRotation.keep}`
  ),
  auditFile: row(
    "ENS_AUDIT_FILE",
    "file to which audit events are appended, besides the log",
    absolute,
    undefined,
    (s) => s.auditFile ?? ""
  ),
  crashDumps: row(
    "ENS_CRASH_DUMPS",
    "core dumps, heap snapshots and crash reports, which hold secrets: on or off",
    Parse.oneOf("on", "off"),
    "off",
    (s) => s.crashDumps
  ),
  console: row(
    "ENS_CONSOLE",
    "the console on the admin listener: on or off",
    Parse.oneOf("on", "off"),
    "on",
    (s) => s.console
  ),
  otelEndpoint: row(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "base URL of an OpenTelemetry collector that takes OTLP over HTTP, like http://collector:4318",
    Parse.webUrl,
    undefined,
    (s) => s.otel.endpoint ?? ""
  ),
  otelHeaders: row(
    "OTEL_EXPORTER_OTLP_HEADERS",
    "headers for the collector: name=value,…",
    Parse.otelHeaders,
    undefined,
    (s) => (s.otel.headers === undefined ? "" : "<redacted>")
  ),
  otelServiceName: row(
    "OTEL_SERVICE_NAME",
    "what the collector calls this service",
    Parse.text,
    "ens",
    (s) => s.otel.serviceName
  ),
  otelResourceAttributes: row(
    "OTEL_RESOURCE_ATTRIBUTES",
    "what the collector is told of this node besides: name=value,…",
    Parse.otelAttributes,
    NO_ATTRIBUTES,
    (s) => Parse.otelAttributesText(s.otel.resourceAttributes)
  ),
  otelSampled: row(
    "OTEL_TRACES_SAMPLER_ARG",
    "the share of activities whose traces are sent, 0 to 1",
    Parse.share,
    1,
    (s) => `${s.otel.sampled}`
  )
}

/** Settings whose value may also stand in the file named by `<name>_FILE`. */
export const SECRETS: ReadonlyArray<string> = [
  "ENS_DATABASE_URL",
  "ENS_EWS_PROXY_URL",
  "ENS_CNS_CERT_PASSWORD",
  "ENS_CNS_PROXY_URL",
  "ENS_TLS_PFX_PASSWORD",
  "OTEL_EXPORTER_OTLP_HEADERS"
]

type Values<T> = { readonly [K in keyof T]: T[K] extends Row<infer A> ? A : never }

/** What the table's rows read, before settings are checked against each other. */
export type Read = Values<typeof table>

/** Reads the whole table and reports every malformed setting, not only the first. */
export const config: Config.Config<Read> = Config.all(
  Object.fromEntries(Object.entries(table).map(([key, value]) => [key, value.config]))
) as unknown as Config.Config<Read>
