import { describe, expect, it } from "@effect/vitest"
import { Effect, FastCheck as fc, Redacted } from "effect"
import * as Config from "../../../src/Config.ts"
import { durationText } from "../../../src/config/Parse.ts"
import { SECRETS, table } from "../../../src/config/Table.ts"

const oneOf = (...values: ReadonlyArray<string>) => fc.constantFrom(...values)
const number = (min: number, max: number) => fc.integer({ min, max }).map(String)
const fraction = (max: number) => fc.double({ min: 0.001, max, noNaN: true }).map(String)
const host = fc.domain()
const segments = fc
  .array(
    fc.stringMatching(/^[A-Za-z0-9._~-]{1,8}$/).filter((part) => !/^\.+$/.test(part)),
    {
      minLength: 1,
      maxLength: 3
    }
  )
  .map((parts) => `/${parts.join("/")}`)
const words = fc.stringMatching(/^[A-Za-z0-9ü][A-Za-z0-9 ü=,'"-]{0,20}$/)
const gateway = oneOf("cns", "SNS", "fcm", "apns", "log")
const gateways = fc.oneof(
  gateway,
  fc.tuple(gateway, gateway).map(([ios, android]) => `android=${android}, ios=${ios}`)
)

const addresses = fc
  .array(oneOf("192.0.2.7", "10.0.0.0/8", "2001:DB8::/32", "::1"), { maxLength: 3 })
  .map((some) => some.join(" , "))
const rate = fc.oneof(
  oneOf("off", "OFF", "7 / Hour"),
  fc
    .tuple(number(1, 9_999_999), oneOf("second", "minute", "hour"), number(1, 9_999_999))
    .map(([count, unit, burst]) => `${count}/${unit} burst ${burst}`)
)

/** Texts that each setting accepts. */
const TEXTS: Readonly<Record<string, fc.Arbitrary<string>>> = {
  ENS_HOST: oneOf("127.0.0.1", "0.0.0.0", "::1", "ens.example.com"),
  ENS_PORT: number(1, 65_535),
  ENS_ADMIN_HOST: oneOf("127.0.0.1", "::1"),
  ENS_ADMIN_PORT: number(0, 65_535),
  ENS_PUBLIC_URL: fc
    .tuple(oneOf("http", "https"), host, number(1, 65_535), fc.option(segments, { nil: "" }), oneOf("", "/"))
    .map(([scheme, name, port, path, end]) => `${scheme}://${name}:${port}${path}${end}`),
  ENS_BASE_PATHS: fc.array(segments, { minLength: 1, maxLength: 3 }).map((paths) => paths.join(" , ")),
  ENS_ENVIRONMENT_TYPE: words,
  ENS_TLS_CERT_FILE: oneOf("ens.crt", "/etc/ens/tls cert.pem"),
  ENS_TLS_KEY_FILE: oneOf("ens.key"),
  ENS_TLS_PFX_FILE: oneOf("ens.pfx"),
  ENS_TLS_MIN_VERSION: oneOf("1.0", "1.3"),
  ENS_TLS_CLIENT_CA_FILE: oneOf("/etc/ens/clients.pem"),
  ENS_TLS_CLIENT_AUTH: oneOf("off", "Callbacks", "devices", "all"),
  ENS_TRUSTED_PROXIES: addresses,
  ENS_LIMIT_ADDRESS: rate,
  ENS_LIMIT_FAILED: rate,
  ENS_LIMIT_TOKEN: rate,
  ENS_LIMIT_USER: rate,
  ENS_LIMIT_NEW_USERS: rate,
  ENS_LIMIT_REGISTRATIONS: number(1, 100_000),
  ENS_LIMIT_CONNECTIONS: number(10, 1_000_000),
  ENS_LIMIT_ADDRESS_CONNECTIONS: number(1, 1_000_000),
  ENS_LIMIT_HANDSHAKES: rate,
  ENS_DATA_DIR: segments,
  ENS_DATABASE_URL: oneOf("file:/data/ens.db", "file:ens.db", "file:/srv/ens/other.db"),
  ENS_MASTER_KEY_FILE: oneOf("key", "/etc/ens/master key"),
  ENS_STATUS_FREQUENCY_MINUTES: fraction(1440),
  ENS_HEARTBEAT_CHECK_MINUTES: fraction(10_080),
  ENS_WEBHOOK_CREDENTIALS: oneOf("sealed", "RSA"),
  ENS_CALLBACK_DEADLINE: fc.oneof(
    fc.integer({ min: 1, max: 60 }).map((seconds) => `${seconds} seconds`),
    fc.integer({ min: 100, max: 60_000 }).map((millis) => `${millis}millis`),
    oneOf("1 minute", "0.5 Minutes", "1 second", "1.5 seconds")
  ),
  ENS_CALLBACK_HELD_MAX: number(1, 100_000),
  ENS_CALLBACK_SOURCES: addresses,
  ENS_RENEW_RATE: number(1, 100_000),
  ENS_MIN_POLICY: number(0, 4),
  ENS_EWS_ALLOWED_HOSTS: fc
    .array(fc.oneof(host, oneOf("10.0.0.0/8", "::1/128", "192.0.2.7")), { maxLength: 3 })
    .map((hosts) => hosts.join(", ")),
  ENS_AUTODISCOVER_URLS: fc
    .array(
      host.map((name) => `https://${name}/autodiscover/autodiscover.xml`),
      { maxLength: 2 }
    )
    .map((urls) => urls.join(",")),
  ENS_EWS_CA_FILE: oneOf("ca.pem", "/etc/ens/ca.pem"),
  ENS_EWS_PROXY_URL: oneOf("http://proxy.example.com:3128", "http://proxy.example.com"),
  ENS_EWS_PROXY_BYPASS: host,
  ENS_EWS_PASSWORD_AUTH: oneOf("auto", "Basic", "mail.example.com=ntlm", "ntlm, MAIL.example.com = basic"),
  ENS_EWS_NO_CHANNEL_BINDING: host,
  ENS_EWS_TLS_MIN_VERSION: oneOf("1.0", "1.3"),
  ENS_SEG_HOSTS: host,
  ENS_SEG_DEVICE_HEADER: oneOf("X-Devices", "x-aw-ens-devices"),
  ENS_SEG_CHECK: oneOf("device", "USER"),
  ENS_KEYPOOL_BATCH: number(1, 100_000),
  ENS_KEYPOOL_THRESHOLD: number(0, 100_000),
  ENS_KEYPOOL_INTERVAL_MINUTES: fraction(10_080),
  ENS_USER_KEY_MAX_AGE: oneOf("never", "30 days", "1 minute"),
  ENS_RETAIN_DEVICES: oneOf("Never", "400 days", "1 hour"),
  ENS_RETAIN_LOST: oneOf("never", "36 hours", "90 days"),
  ENS_RETAIN_EVENTS: oneOf("never", "1 day", "3650 days"),
  ENS_PUSH: gateways,
  ENS_PUSH_LOG_FILE: oneOf("push.log", "/var/log/ens/push log"),
  ENS_CNS_URL: segments.map((path) => `https://cns.example.com${path}`),
  ENS_CNS_CONFIG_FILE: oneOf("config.xml"),
  ENS_CNS_CERT_FILE: oneOf("cns.p12"),
  ENS_CNS_PINS: fc
    .array(fc.stringMatching(/^[0-9a-fA-F]{64}$/), { maxLength: 2 })
    .map((pins) => pins.join(", ")),
  ENS_CNS_PROXY_URL: oneOf("http://proxy.example.com:3128"),
  ENS_CNS_CA_FILE: oneOf("ca.pem"),
  ENS_CNS_CMS: oneOf("'1,sha256", "`1,SHA1"),
  ENS_SNS_REGION: oneOf("eu-central-1"),
  ENS_SNS_ENDPOINT: segments.map((path) => `https://sns.example.com${path}`),
  ENS_SNS_PLATFORM_ARN_IOS: oneOf(
    "arn:aws:sns:x:1:app/APNS/a",
    "com.a=arn:1,com.b=arn:2",
    "arn:0,com.a=arn:1"
  ),
  ENS_SNS_PLATFORM_ARN_ANDROID: oneOf("arn:aws:sns:x:1:app/GCM/a"),
  ENS_FCM_SERVICE_ACCOUNT_FILE: oneOf("account.json"),
  ENS_FCM_ENDPOINT: segments.map((path) => `https://fcm.example.com${path}`),
  ENS_APNS_KEY_FILE: oneOf("key.p8", "com.a=/etc/a.p8"),
  ENS_APNS_KEY_ID: oneOf("ABC123DEFG"),
  ENS_APNS_TEAM_ID: oneOf("TEAM123456"),
  ENS_APNS_HOST: host,
  ENS_APNS_PORT: number(1, 65_535),
  ENS_TEXT_NEW_MESSAGE: words,
  ENS_TEXT_N_NEW_MESSAGES: words.map((text) => `%d ${text}`),
  ENS_LOG_FORMAT: oneOf("pretty", "JSON", "ens2"),
  ENS_LOG_LEVEL: oneOf("trace", "warn", "Warning", "error"),
  ENS_LOG_FILE: oneOf("ens.log", "/var/log/ens.log"),
  ENS_LOG_MAX_SIZE: oneOf("100 MB", "1.5 gb", "70000 bytes", "64kB", "Never"),
  ENS_LOG_MAX_AGE: oneOf("1 day", "90 minutes", "never"),
  ENS_LOG_KEEP: oneOf("0", "14"),
  ENS_AUDIT_FILE: oneOf("audit.log", "/var/log/ens/audit.log"),
  ENS_CRASH_DUMPS: oneOf("on", "OFF"),
  ENS_CONSOLE: oneOf("on", "OFF"),
  OTEL_EXPORTER_OTLP_ENDPOINT: oneOf("http://127.0.0.1:4318", "https://collector.example.com/otlp/"),
  OTEL_SERVICE_NAME: words,
  OTEL_RESOURCE_ATTRIBUTES: oneOf("deployment.environment=test", "a=1, b = two%2Cthree", "a=b=c"),
  OTEL_TRACES_SAMPLER_ARG: oneOf("0", "0.25", "1", "1e-3")
}

const load = (environment: Readonly<Record<string, string>>) =>
  Effect.map(Config.load({ environment, purpose: "administer" }), (settings) => ({
    settings: {
      ...settings,
      databaseUrl: Redacted.value(settings.databaseUrl),
      ewsProxyUrl: settings.ewsProxyUrl && Redacted.value(settings.ewsProxyUrl),
      cns: {
        ...settings.cns,
        proxyUrl: settings.cns.proxyUrl && Redacted.value(settings.cns.proxyUrl)
      }
    },
    printed: Object.fromEntries(
      Config.describe(settings)
        .filter(({ value }) => value !== "")
        .map(({ name, value }) => [name, value])
    )
  }))

describe("what `ens config` prints", () => {
  it("is tried for every setting but the secret ones", () => {
    const names = Object.values(table).map(({ name }) => name)
    expect(Object.keys(TEXTS)).toEqual(
      names.filter((name) => name !== "ENS_MASTER_KEY" && !/_PASSWORD$|_OTLP_HEADERS$/.test(name))
    )
    expect(names).toEqual(expect.arrayContaining([...SECRETS]))
  })

  it.effect.prop(
    "can be given as settings, and means the same",
    [fc.record(TEXTS, { requiredKeys: [] })],
    ([given]) =>
      Effect.gen(function* () {
        const first = yield* load(given as Record<string, string>)
        expect(yield* load(first.printed)).toEqual(first)
      })
  )

  it("writes durations in words", () => {
    const texts = [1, 100, 1000, 1500, 10_000, 60_000, 90_000, 120_000, 3_600_000].map(durationText)
    expect(texts).toEqual([
      "1 millis",
      "100 millis",
      "1 second",
      "1500 millis",
      "10 seconds",
      "1 minute",
      "90 seconds",
      "2 minutes",
      "1 hour"
    ])
  })
})
