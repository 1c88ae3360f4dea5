import { X509Certificate } from "node:crypto"
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { fingerprintsOf } from "../../../layers/net/Pins.ts"
import * as CnsStub from "../../support/CnsStub.ts"
import { ens, settingsFile } from "../../support/CommandLine.ts"
import * as TestCertificate from "../../support/TestCertificate.ts"

const server = TestCertificate.make("127.0.0.1")
const x509 = new X509Certificate(server.cert)
const { certificate, key } = fingerprintsOf(x509)
const SETTING = "ab".repeat(32)

const prepared = Effect.gen(function* () {
  const stub = yield* CnsStub.make({ tls: server })
  const files = yield* settingsFile()
  mkdirSync(files.dataDir)
  const write = (name: string, bytes: string | Buffer) => {
    const file = join(files.directory, name)
    writeFileSync(file, bytes)
    return file
  }
  const settings = {
    ENS_DATA_DIR: files.dataDir,
    ENS_CNS_PINS: SETTING,
    ENS_CNS_CA_FILE: write("ca", server.cert)
  }
  const config = write("settings.json", JSON.stringify(settings))
  const pin = (...args: ReadonlyArray<string>) => ens("pin", ...args, "--config", config)
  return { ...files, stub, host: new URL(stub.url).host, write, pin }
})

describe("ens pin", () => {
  it.scopedLive("add HOST: shows the certificate there and pins its key, without sending anything", () =>
    Effect.gen(function* () {
      const { dataDir, host, pin, stub } = yield* prepared
      const added = yield* pin("add", host)
      expect(added).toMatchObject({ ok: true, err: "" })
      for (const text of [host, "CN=127.0.0.1", "2049-01-01", `SHA-256 ${certificate}`, `SHA-256 ${key}`])
        expect(added.out).toContain(text)
      expect(stub.requests).toEqual([])
      expect(readdirSync(dataDir)).toEqual(["cns.pins.json"])
      expect(statSync(join(dataDir, "cns.pins.json")).mode & 0o777).toBe(0o600)
      const listed = JSON.parse((yield* pin("list", "--json")).out)
      expect(listed).toEqual([
        { pin: key, from: host, subject: "CN=127.0.0.1", expiresAt: "2049-01-01T00:00:00.000Z" },
        { pin: SETTING, from: "ENS_CNS_PINS", subject: null, expiresAt: null }
      ])
      expect((yield* pin("list")).out).toMatch(new RegExp(`^${key} +2049-01-01 +${host} +CN=127`, "m"))
    })
  )

  it.scopedLive("add FILE: takes PEM and DER, and pins a key once", () =>
    Effect.gen(function* () {
      const { pin, write } = yield* prepared
      const pem = yield* pin("add", write("cns.pem", server.cert), "--json")
      expect(JSON.parse(pem.out)).toMatchObject({ pin: key, certificate, added: true })
      const der = yield* pin("add", write("cns.cer", x509.raw), "--json")
      expect(JSON.parse(der.out)).toMatchObject({ pin: key, added: false })
      expect(JSON.parse((yield* pin("list", "--json")).out)).toHaveLength(2)
    })
  )

  it.scopedLive("add FILE: takes a certificate that names neither its owner nor its issuer", () =>
    Effect.gen(function* () {
      const { pin, write } = yield* prepared
      const { cert } = TestCertificate.make("127.0.0.1", { nameless: true })
      const { out } = yield* pin("add", write("nameless.pem", cert), "--json")
      expect(JSON.parse(out)).toMatchObject({ subject: "", issuer: "", added: true })
    })
  )

  it.scopedLive("remove: by the first digits, but not what the settings have", () =>
    Effect.gen(function* () {
      const { pin, write } = yield* prepared
      yield* pin("add", write("cns.pem", server.cert))
      const failing = (problem: RegExp) => ({
        ok: false,
        exitCode: expect.any(Number),
        out: "",
        err: expect.stringMatching(problem)
      })
      expect(yield* pin("remove", "12")).toEqual(failing(/first 8 to 64/))
      expect(yield* pin("remove", "00".repeat(32))).toEqual(failing(/there is no pin/))
      expect(yield* pin("remove", SETTING)).toEqual(failing(/in ENS_CNS_PINS; remove it there$/))
      const removed = yield* pin("remove", key.slice(0, 8), "--json")
      expect(JSON.parse(removed.out)).toEqual({ pin: key, removed: true })
      expect(JSON.parse((yield* pin("list", "--json")).out)).toHaveLength(1)
    })
  )

  it.scopedLive("says in one line what is wrong, and pins nothing", () =>
    Effect.gen(function* () {
      const { dataDir, host, pin, write } = yield* prepared
      const other = yield* CnsStub.make({ tls: TestCertificate.make("127.0.0.1") })
      const cases: ReadonlyArray<readonly [string, RegExp]> = [
        ["no/such.pem", /there is no file no\/such\.pem, and a host must be like cns\.awmdm\.com/],
        [write("text", "hello"), /is no certificate; give CNS's certificate as a PEM or DER file$/],
        ["127.0.0.1:9", /^ens: 127\.0\.0\.1:9 cannot be pinned: the connection was refused/],
        [new URL(other.url).host, /cannot be pinned: its certificate is self-signed/]
      ]
      for (const [what, problem] of cases)
        expect(yield* pin("add", what)).toEqual({
          ok: false,
          exitCode: 1,
          out: "",
          err: expect.stringMatching(problem)
        })
      expect(JSON.parse((yield* pin("list", "--json")).out)).toHaveLength(1)
      writeFileSync(join(dataDir, "cns.pins.json"), "[{}]")
      for (const args of [["list"], ["add", host], ["remove", key]])
        expect(yield* pin(...args)).toMatchObject({
          ok: false,
          err: expect.stringContaining("is damaged; repair")
        })
    })
  )

  it.scopedLive("wants the data directory to be there", () =>
    Effect.gen(function* () {
      const { config, dataDir } = yield* settingsFile()
      expect((yield* ens("pin", "add", "127.0.0.1:9", "--config", config)).err).toBe(
        `ens: there is no data directory ${dataDir}; make it: ens init`
      )
    })
  )
})
