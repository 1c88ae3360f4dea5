import { existsSync, mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { hashApiToken } from "../../../layers/crypto/ApiTokenSecret.ts"
import * as SqliteStorage from "../../../layers/storage/SqliteStorage.ts"
import { Storage } from "../../../layers/storage/Storage.ts"
import { configXml, P12_PASSWORD, p12 } from "../../support/CnsConfigXml.ts"
import { ens, settingsFile, tenantOf } from "../../support/CommandLine.ts"

const first = p12("AW Cloud Notification - acme")

/** A new installation with files for `--config-xml` and `--password-file`. */
const prepared = Effect.map(settingsFile(), (files) => {
  const write = (name: string, text: string) => {
    const file = join(files.directory, name)
    writeFileSync(file, text)
    return file
  }
  const xml = write("config.xml", configXml(first))
  const password = write("password", `${P12_PASSWORD}\r\n`)
  const init = (...args: ReadonlyArray<string>) => ens("init", "--config", files.config, ...args)
  return { ...files, write, xml, password, init }
})

describe("ens init", () => {
  it.scopedLive("makes all of a first set-up, and shows the token this once", () =>
    Effect.gen(function* () {
      const { database, dataDir, init } = yield* prepared
      const made = yield* init("--ews-host", "Mail.Example.com")
      expect(made).toMatchObject({ ok: true, err: "" })
      const [, token = ""] = /^(ens_[\w-]{43})$/m.exec(made.out) ?? []
      expect(yield* tenantOf(database, token)).toMatchObject({
        name: "default",
        ewsUrls: ["https://mail.example.com/EWS/Exchange.asmx"]
      })
      expect(statSync(dataDir).mode & 0o777).toBe(0o700)
      expect(statSync(join(dataDir, "master.key")).mode & 0o777).toBe(0o600)
      expect(made.out.match(/^made/gm)).toHaveLength(5)
      const [, adminToken = ""] = /^(ensadm-[\w-]{43})$/m.exec(made.out) ?? []
      expect(made.out).toContain("http://127.0.0.1:8081/console")
      const opened = yield* Effect.flatMap(Storage, (storage) =>
        storage.adminTokenOf(hashApiToken(adminToken))
      ).pipe(Effect.provide(SqliteStorage.layer(database)))
      expect(Option.getOrThrow(opened).label).toBe("first")
    })
  )

  it.scopedLive("says a second time what exists, and changes nothing", () =>
    Effect.gen(function* () {
      const { config, dataDir, init, password, xml } = yield* prepared
      const arguments_ = ["--json", "--config-xml", xml, "--password-file", password]
      const before = JSON.parse((yield* init(...arguments_)).out)
      expect(before).toMatchObject({ token: { tenant: "default" }, cnsCertificate: { made: true } })
      const stored = readFileSync(join(dataDir, "cns.certificate"))
      const again = yield* init(...arguments_, "--ews-host", "mail.example.com")
      expect(JSON.parse(again.out)).toEqual({
        dataDir: { at: dataDir, made: false },
        masterKey: { at: join(dataDir, "master.key"), made: false },
        database: { at: join(dataDir, "ens.db"), made: false },
        cnsCertificate: { ...before.cnsCertificate, made: false },
        token: null,
        adminToken: null,
        config: null,
        keys: 0,
        notes: [expect.stringContaining("use: ens token create --ews-url")]
      })
      expect(readFileSync(join(dataDir, "cns.certificate"))).toEqual(stored)
      expect(JSON.parse((yield* ens("token", "list", "--json", "--config", config)).out)).toMatchObject([
        { label: "phones", ewsUrls: [] },
        { id: "admin-1", label: "first" }
      ])
      const text = (yield* init()).out
      expect(text.match(/^exists/gm)).toHaveLength(6)
      expect(text).not.toMatch(/ens_|ensadm-/)
    })
  )

  it.scopedLive("keeps the certificate of config.xml so that only the master key opens it", () =>
    Effect.gen(function* () {
      const { dataDir, init, password, xml } = yield* prepared
      const made = yield* init("--config-xml", xml, "--password-file", password)
      expect(made.out).toContain("CN=AW Cloud Notification - acme, until 2049-01-01")
      const file = join(dataDir, "cns.certificate")
      expect(statSync(file).mode & 0o777).toBe(0o600)
      expect(readFileSync(file).toString("latin1")).not.toMatch(/PRIVATE KEY|CERTIFICATE|Cloud/)
    })
  )

  it.scopedLive("tells how to replace a certificate, instead of doing so", () =>
    Effect.gen(function* () {
      const { dataDir, init, password, write, xml } = yield* prepared
      yield* init("--config-xml", xml, "--password-file", password)
      const other = write("other.xml", configXml(p12("AW Cloud Notification - other")))
      const again = yield* init("--config-xml", other, "--password-file", password)
      expect(again.out).toContain("AW Cloud Notification - acme")
      expect(again.out).toContain(`remove ${join(dataDir, "cns.certificate")} and repeat`)
    })
  )

  it.scopedLive("makes nothing if something that it was given is of no use", () =>
    Effect.gen(function* () {
      const { dataDir, init, password, write, xml } = yield* prepared
      const wrong = write("wrong", "guess")
      const empty = write("empty.xml", "<a/>")
      const zip = write("config.zip", "PK\u0003\u0004")
      const doctype = write("bomb.xml", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')
      const cases: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
        [["--config-xml", xml], /wants the password .* give it with --password-file$/],
        [
          ["--config-xml", xml, "--password-file", wrong],
          /the password does not open .*config\.xml; correct --password-file/
        ],
        [["--config-xml", empty], /empty\.xml holds no certificate; --config-xml must name/],
        [["--config-xml", zip], /is a ZIP archive; unpack it first$/],
        [["--config-xml", doctype], /has a document type/],
        [["--config-xml", join(dataDir, "none")], /^ens: there is no file/],
        [["--password-file", password], /goes with --config-xml$/],
        [["--ews-host", "https://mail.example.com/EWS"], /--ews-host must be a host name/],
        [["--ews-host", ""], /--ews-host must be a host name/]
      ]
      for (const [args, problem] of cases)
        expect(yield* init(...args)).toEqual({
          ok: false,
          exitCode: expect.any(Number),
          out: "",
          err: expect.stringMatching(problem)
        })
      expect(existsSync(dataDir)).toBe(false)
    })
  )

  it.scopedLive("tells programs the admin token and the console's address, and auditors what was made", () =>
    Effect.gen(function* () {
      const { database, init } = yield* prepared
      const made = JSON.parse((yield* init("--json", "--keys", "2")).out)
      expect(made).toMatchObject({
        adminToken: {
          id: "admin-1",
          token: expect.stringMatching(/^ensadm-/),
          console: "http://127.0.0.1:8081/console"
        },
        keys: 2
      })
      const { audits, keys } = yield* Effect.flatMap(Storage, (storage) =>
        Effect.all({ audits: storage.audits(9), keys: storage.countPoolKeys })
      ).pipe(Effect.provide(SqliteStorage.layer(database)))
      expect(keys).toBe(2)
      expect(audits).toMatchObject([
        {
          action: "init",
          outcome: "success",
          target: "data directory, master key, database, token 1, token admin-1"
        }
      ])
    })
  )

  it.scopedLive("writes the settings it was given to a config file that only its owner reads", () =>
    Effect.gen(function* () {
      const { directory } = yield* prepared
      const config = join(directory, "ens.json")
      const dataDir = join(directory, "other data")
      const set = (text: string) => ["--set", text]
      const made = yield* ens(
        "init",
        "--write-config",
        config,
        ...["--public-url", "https://ens.example.com", "--push", "log"],
        ...[...set(`ENS_DATA_DIR=${dataDir}`), ...set("ENS_PORT=8443")]
      )
      expect(made).toMatchObject({ ok: true, err: "" })
      expect(made.out).toContain(`ens start --config ${config}`)
      expect(JSON.parse(readFileSync(config, "utf8"))).toEqual({
        ENS_PUBLIC_URL: "https://ens.example.com",
        ENS_PUSH: "log",
        ENS_DATA_DIR: dataDir,
        ENS_PORT: "8443"
      })
      expect(statSync(config).mode & 0o777).toBe(0o600)
      expect(existsSync(join(dataDir, "ens.db"))).toBe(true)
      const seen = JSON.parse((yield* ens("config", "--json", "--config", config)).out)
      expect(seen).toMatchObject({ ENS_PORT: "8443", ENS_DATA_DIR: dataDir })
    })
  )

  it.scopedLive("makes nothing of settings that start would refuse, or that nobody would keep", () =>
    Effect.gen(function* () {
      const { config, directory } = yield* prepared
      const made = join(directory, "ens.json")
      const dataDir = join(directory, "new")
      const write = ["--write-config", made, "--set", `ENS_DATA_DIR=${dataDir}`]
      const cases: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
        [["--push", "log"], /need --write-config FILE/],
        [[...write, "--public-url", "https://ens.example.com"], /ENS_PUSH must name the push gateway/],
        [[...write, "--set", "ENS_TLS_PFX_PASSWORD=x"], /is a secret, which a command line would show/],
        [[...write, "--set", "ENS_PROT=1"], /ENS_PROT is no setting/],
        [[...write, "--set", "nonsense"], /--set must be like/],
        [[...write, "--config", config], /give one of them/],
        [["--write-config", config], /exists already/],
        [["--write-config", join(directory, "no", "ens.json")], /there is no directory/],
        [["--keys", "-1"], /--keys must be a number/]
      ]
      for (const [args, problem] of cases)
        expect(yield* ens("init", ...args)).toMatchObject({ ok: false, err: expect.stringMatching(problem) })
      expect(existsSync(made) || existsSync(dataDir)).toBe(false)
    })
  )

  it.scopedLive("shows tokens in any case: none is made while the config file cannot be", () =>
    Effect.gen(function* () {
      const { directory } = yield* prepared
      const config = join(directory, "ens.json")
      const init = ens(
        ...["init", "--write-config", config, "--push", "log"],
        ...["--set", `ENS_DATA_DIR=${join(directory, "new")}`]
      )
      mkdirSync(`${config}.part`)
      expect(yield* init).toMatchObject({
        ok: false,
        out: "",
        err: expect.stringMatching(/cannot be written \(EEXIST\); correct the rights and repeat$/)
      })
      rmdirSync(`${config}.part`)
      const { ok, out } = yield* init
      expect({ ok, out }).toMatchObject({ ok: true, out: expect.stringMatching(/^ens_[\w-]{43}$/m) })
      expect(out).toMatch(/^ensadm-[\w-]{43}$/m)
    })
  )
})
