import { mkdtemp, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, FastCheck, Logger, Redacted } from "effect"
import * as Config from "../../src/Config.ts"

const load = (environment: Record<string, string>, options: Config.Options = {}) =>
  Config.load({ environment, ...options })

/** The problems that these settings have. */
const problemsOf = (environment: Record<string, string>, options: Config.Options = {}) =>
  load(environment, options).pipe(
    Effect.flip,
    Effect.map((problem) => problem.problems)
  )

const file = (content: string) =>
  Effect.promise(async () => {
    const path = join(await mkdtemp(join(tmpdir(), "ens-config-")), "settings")
    await writeFile(path, content)
    return path
  })

describe("Config", () => {
  it.effect("works with nothing set: every default of the contract", () =>
    Effect.gen(function* () {
      const settings = yield* load({})
      expect(settings).toMatchObject({
        host: "127.0.0.1",
        port: 8080,
        adminHost: "127.0.0.1",
        adminPort: 8081,
        publicUrl: "http://127.0.0.1:8080/MailNotificationService/api/ens",
        basePaths: ["/api/ens", "/MailNotificationService/api/ens", "/MailNotificationsService/api/ens"],
        environmentType: "OnPrem",
        dataDir: resolve("data"),
        masterKey: { file: resolve("data/master.key") },
        statusFrequencyMinutes: 15,
        heartbeatCheckMinutes: 30,
        webhookCredentials: "sealed",
        callbackDeadline: 10_000,
        callbackHeldMax: 64,
        renewRate: 50,
        minPolicy: 0,
        keyPool: { batch: 500, threshold: 250, interval: 7_200_000 },
        push: { ios: "log", android: "log" },
        cns: expect.objectContaining({ url: "https://cns.awmdm.com/nws/notify/apns" }),
        textNewMessage: "New message"
      })
      expect(Redacted.value(settings.databaseUrl)).toBe(`file:${resolve("data/ens.db")}`)
      expect(settings.log.level).toBe("info")
    })
  )

  it.effect("counts empty values as absent", () =>
    Effect.map(load({ ENS_PORT: "", ENS_PUSH: "  " }), (settings) => {
      expect(settings.port).toBe(8080)
      expect(settings.push.ios).toBe("log")
    })
  )

  it.effect("adds the usual path to a public URL that has none, and keeps one that has", () =>
    Effect.gen(function* () {
      const push = { ENS_PUSH: "cns" }
      const urls = [
        [
          { ENS_PUBLIC_URL: "https://ens.example.com" },
          "https://ens.example.com/MailNotificationService/api/ens"
        ],
        [
          { ENS_PUBLIC_URL: "https://ens.example.com/", ENS_ENVIRONMENT_TYPE: "Cloud" },
          "https://ens.example.com/api/ens"
        ],
        [{ ENS_PUBLIC_URL: "https://ens.example.com:8443/mail/" }, "https://ens.example.com:8443/mail"],
        [{ ENS_HOST: "::1", ENS_PORT: "9000" }, "http://[::1]:9000/MailNotificationService/api/ens"]
      ] as const
      for (const [environment, expected] of urls) {
        expect((yield* load({ ...push, ...environment })).publicUrl).toBe(expected)
      }
    })
  )

  it.effect("calls back with https by default where it speaks TLS itself", () =>
    Effect.gen(function* () {
      const pem = { ENS_TLS_CERT_FILE: "ens.crt", ENS_TLS_KEY_FILE: "ens.key" }
      for (const tls of [pem, { ENS_TLS_PFX_FILE: "ens.pfx", ENS_TLS_PFX_PASSWORD: "x" }]) {
        const settings = yield* load(tls)
        expect(settings.publicUrl).toBe("https://127.0.0.1:8080/MailNotificationService/api/ens")
        expect(settings.tls.minVersion).toBe("1.2")
      }
      expect((yield* load(pem)).tls.certFile).toBe(resolve("ens.crt"))
    })
  )

  it.effect("wants all that TLS needs, and no more", () =>
    Effect.gen(function* () {
      const cert = { ENS_TLS_CERT_FILE: "ens.crt" }
      const key = { ENS_TLS_KEY_FILE: "ens.key" }
      const pfx = { ENS_TLS_PFX_FILE: "ens.pfx" }
      const clients = { ENS_TLS_CLIENT_CA_FILE: "ca.pem" }
      const cases = [
        [cert, /^ENS_TLS_CERT_FILE needs ENS_TLS_KEY_FILE/],
        [key, /^ENS_TLS_KEY_FILE needs ENS_TLS_CERT_FILE/],
        [{ ...pfx, ...cert }, /^ENS_TLS_PFX_FILE and .* keep one kind$/],
        [{ ...pfx, ...key }, /^ENS_TLS_PFX_FILE and .* keep one kind$/],
        [{ ...cert, ...key, ENS_TLS_PFX_PASSWORD: "x" }, /^ENS_TLS_PFX_PASSWORD needs ENS_TLS_PFX_FILE/],
        [{ ...pfx, ENS_TLS_CLIENT_AUTH: "all" }, /^ENS_TLS_CLIENT_AUTH all needs ENS_TLS_CLIENT_CA_FILE/],
        [{ ...pfx, ...clients }, /^ENS_TLS_CLIENT_CA_FILE does nothing without ENS_TLS_CLIENT_AUTH/],
        [{ ...clients, ENS_TLS_CLIENT_AUTH: "devices" }, /^ENS_TLS_CLIENT_AUTH needs .* ENS_TLS_CERT_FILE/]
      ] as const
      for (const [environment, said] of cases) {
        expect(yield* problemsOf(environment)).toEqual([expect.stringMatching(said)])
      }
    })
  )

  it.effect("refuses a public URL that leaves no room for what a callback URL carries", () =>
    Effect.gen(function* () {
      const long = (length: number) => ({
        ENS_PUSH: "log",
        ENS_PUBLIC_URL: "https://ens.example.com/".padEnd(length, "p")
      })
      expect((yield* load(long(1_800))).publicUrl).toHaveLength(1_800)
      expect(yield* problemsOf(long(1_801))).toEqual([
        expect.stringMatching(/^ENS_PUBLIC_URL must have at most 1800 characters.* 1801$/)
      ])
    })
  )

  it.effect("asks for a push gateway where others than this machine are served", () =>
    Effect.gen(function* () {
      const away = { ENS_PUBLIC_URL: "https://ens.example.com" }
      expect(yield* problemsOf(away)).toEqual([
        expect.stringContaining("ENS_PUSH must name the push gateway")
      ])
      expect(yield* problemsOf({ ENS_HOST: "0.0.0.0" })).toEqual([expect.stringContaining("ENS_PUSH")])
      expect((yield* load({ ...away, ENS_PUSH: "log" })).push).toEqual({ ios: "log", android: "log" })
      expect((yield* load({ ENS_PUBLIC_URL: "http://127.3.4.5:80" })).push.ios).toBe("log")
      expect((yield* load(away, { purpose: "administer" })).push.ios).toBe("log")
    })
  )

  it.effect("reads one gateway for each platform", () =>
    Effect.gen(function* () {
      expect((yield* load({ ENS_PUSH: "ios=apns, android=FCM" })).push).toEqual({
        ios: "apns",
        android: "fcm"
      })
      expect((yield* load({ ENS_PUSH: "CNS" })).push).toEqual({ ios: "cns", android: "cns" })
      for (const wrong of ["ios=apns", "pigeon", "ios=apns,android=", "web=cns"]) {
        expect(yield* problemsOf({ ENS_PUSH: wrong }), wrong).toEqual([
          expect.stringMatching(/^ENS_PUSH must/)
        ])
      }
    })
  )

  it.effect("names every wrong setting at once, and the way out", () =>
    Effect.map(
      problemsOf({
        ENS_PORT: "80a",
        ENS_MIN_POLICY: "5",
        ENS_CALLBACK_DEADLINE: "10",
        ENS_LOG_FORMAT: "xml"
      }),
      (problems) => {
        expect(problems).toEqual([
          "ENS_PORT must be a whole number from 0 to 65535",
          expect.stringMatching(/^ENS_CALLBACK_DEADLINE must be a duration .*"3 seconds"/),
          "ENS_MIN_POLICY must be a whole number from 0 to 4",
          "ENS_LOG_FORMAT must be one of pretty, json, ens2"
        ])
      }
    )
  )

  it.effect("refuses each malformed value", () =>
    Effect.gen(function* () {
      const wrong = {
        ENS_PORT: ["-1", "65536", "1.5", "0x50"],
        ENS_PUBLIC_URL: ["ens.example.com", "ftp://x", "https://user:pw@x", "https://x/?a=b"],
        ENS_BASE_PATHS: ["/a b", "/a?x", ","],
        ENS_STATUS_FREQUENCY_MINUTES: ["0", "0.0000001", "-1", "abc", "1441"],
        ENS_CALLBACK_DEADLINE: ["5 parsecs", "0 seconds", "2 hours"],
        ENS_EWS_ALLOWED_HOSTS: ["https://mail.example.com", "mail:443", "10.0.0.0/33", "mail/8"],
        ENS_DATABASE_URL: ["postgres://x", "file:"],
        ENS_MASTER_KEY: ["short", "a".repeat(44)],
        ENS_CNS_URL: ["http://cns.example.com/"],
        ENS_TEXT_N_NEW_MESSAGES: ["many"]
      }
      for (const [name, values] of Object.entries(wrong)) {
        for (const value of values) {
          const problems = yield* problemsOf({ [name]: value, ENS_PUSH: "cns" })
          expect(problems, `${name}=${value}`).toEqual([expect.stringMatching(new RegExp(`^${name} must`))])
        }
      }
    })
  )

  it.effect("reads durations and fractions of minutes", () =>
    Effect.map(
      load({
        ENS_CALLBACK_DEADLINE: "1 Second",
        ENS_STATUS_FREQUENCY_MINUTES: "0.05",
        ENS_HEARTBEAT_CHECK_MINUTES: ".1",
        ENS_EWS_ALLOWED_HOSTS: "Mail.example.com, 10.0.0.0/8,::1/128"
      }),
      (settings) => {
        expect(settings.callbackDeadline).toBe(1000)
        expect(settings.statusFrequencyMinutes).toBe(0.05)
        expect(settings.heartbeatCheckMinutes).toBe(0.1)
        expect(settings.ewsAllowedHosts).toEqual(["mail.example.com", "10.0.0.0/8", "::1/128"])
      }
    )
  )

  it.effect("reads --config, over which the environment wins", () =>
    Effect.gen(function* () {
      const path = yield* file(
        '{"ENS_PORT": 9001, "ENS_ADMIN_PORT": "9002", "ENS_BASE_PATHS": ["/a", "b/"], "ENS_PUSH": null}'
      )
      const settings = yield* load({ ENS_PORT: "9003" }, { file: path })
      expect(settings).toMatchObject({ port: 9003, adminPort: 9002, basePaths: ["/a", "/b"] })
    })
  )

  it.effect("says what is wrong with --config and quotes nothing out of it", () =>
    Effect.gen(function* () {
      expect(yield* problemsOf({}, { file: "/nowhere/settings.json" })).toEqual([
        "--config: /nowhere/settings.json cannot be read (ENOENT); check path and rights"
      ])
      for (const content of [
        '{"ENS_MASTER_KEY": s3cret}',
        '["s3cret"]',
        '{"ENS_MASTER_KEY": {"x": "s3cret"}}'
      ]) {
        const problems = yield* problemsOf({}, { file: yield* file(content) })
        expect(problems).toEqual([expect.stringContaining("must be a JSON object")])
        expect(problems.join()).not.toContain("s3cret")
      }
    })
  )

  it.effect("reads a secret out of a file, and refuses it given twice", () =>
    Effect.gen(function* () {
      const path = yield* file("mssql://sa:s3cret@db:1433/ENS\n")
      const settings = yield* load({ ENS_DATABASE_URL_FILE: path })
      expect(Redacted.value(settings.databaseUrl)).toBe("mssql://sa:s3cret@db:1433/ENS")
      expect(yield* problemsOf({ ENS_DATABASE_URL_FILE: path, ENS_DATABASE_URL: "file:x" })).toEqual([
        expect.stringContaining("both set")
      ])
      expect(yield* problemsOf({ ENS_DATABASE_URL_FILE: yield* file(" \n") })).toEqual([
        expect.stringContaining("is empty")
      ])
    })
  )

  it.effect("takes the master key itself instead of a file, but not both", () =>
    Effect.gen(function* () {
      const key = Buffer.alloc(32, 7).toString("base64")
      const settings = yield* load({ ENS_MASTER_KEY: key })
      expect("value" in settings.masterKey && Redacted.value(settings.masterKey.value)).toBe(key)
      expect(yield* problemsOf({ ENS_MASTER_KEY: key, ENS_MASTER_KEY_FILE: "k" })).toEqual([
        expect.stringContaining("both set")
      ])
    })
  )

  it.effect("keeps audit events out of the log file, which is put aside and removed", () =>
    Effect.gen(function* () {
      const both = { ENS_LOG_FILE: "/var/log/ens/ens.log", ENS_AUDIT_FILE: "/var/log/ens/../ens/ens.log" }
      expect(yield* problemsOf(both)).toEqual([
        "ENS_AUDIT_FILE must be another file than ENS_LOG_FILE, which is put aside and removed after a while"
      ])
      yield* load({ ...both, ENS_AUDIT_FILE: "/var/log/ens/audit.log" })
    })
  )

  it.effect("warns of names that are no settings", () => {
    const lines: Array<unknown> = []
    const logger = Logger.replace(
      Logger.defaultLogger,
      Logger.make(({ message }) => lines.push(message))
    )
    return load({ ENS_PROT: "80", PATH: "/bin" }).pipe(
      Effect.provide(logger),
      Effect.map(() => expect(lines.flat()).toEqual([expect.stringMatching(/^ENS_PROT is not a setting/)]))
    )
  })

  it.effect("describes every effective value and hides secrets", () =>
    Effect.gen(function* () {
      const key = Buffer.alloc(32, 9).toString("base64")
      const settings = yield* load({
        ENS_DATABASE_URL: "mssql://sa:s3cret@word@db:1433/ENS",
        ENS_MASTER_KEY: key
      })
      const rows = Config.describe(settings)
      const shown = JSON.stringify(rows)
      expect(shown).not.toContain("s3cret")
      expect(shown).not.toContain("word@db")
      expect(shown).not.toContain(key)
      const valueOf = (name: string) => rows.find((row) => row.name === name)?.value
      expect(valueOf("ENS_DATABASE_URL")).toBe("mssql://sa:<redacted>@db:1433/ENS")
      expect(valueOf("ENS_MASTER_KEY")).toBe("<redacted>")
      expect(valueOf("ENS_CALLBACK_DEADLINE")).toBe("10 seconds")
      expect(rows.every((row) => row.about !== "")).toBe(true)
    })
  )

  it.effect("describes nothing of a database URL that cannot be read", () =>
    Effect.gen(function* () {
      for (const url of [
        "mssql://sa:s3cret",
        "mssql://sa:s3cret/ENS",
        "mssql://db/ENS?user=sa&password=s3cret",
        "mssql://sa:pass@db/ENS?password=s3cret",
        "mssql://db;User Id=sa;Password=s3cret"
      ]) {
        const rows = Config.describe(yield* load({ ENS_DATABASE_URL: url }))
        expect(JSON.stringify(rows), url).not.toContain("s3cret")
      }
    })
  )

  it.effect.prop(
    "takes any text without crashing",
    [FastCheck.string(), FastCheck.string()],
    ([port, push]) =>
      Effect.gen(function* () {
        const outcome = yield* Effect.exit(
          load({ ENS_PORT: port, ENS_PUSH: push, ENS_EWS_ALLOWED_HOSTS: push })
        )
        expect(outcome._tag === "Success" || outcome.cause._tag === "Fail").toBe(true)
      })
  )
})
