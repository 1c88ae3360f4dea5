import { createServer } from "node:net"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { SECRETS } from "../../src/config/Table.ts"
import { ensProcess } from "../support/EnsProcess.ts"
import { type Installation, makeInstallation } from "../support/Installation.ts"
import { spawnService, startProcess } from "../support/ServiceProcess.ts"
import { temporaryDirectory } from "../support/TemporaryDirectory.ts"
import { canary, given, pkcs12 } from "./Canary.ts"
import { filesIn, secretsIn } from "./Loot.ts"

/** A port at which every connection ends at once. */
const rudePort = Effect.acquireRelease(
  Effect.async<{ readonly port: number; readonly close: () => void }>((resume) => {
    const server = createServer((socket) => void socket.destroy())
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      resume(Effect.succeed({ port, close: () => void server.close() }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

/** Secrets that are in use: certificates that open with their passwords, proxies and a database that are asked. */
const armed = (form: "variables" | "files") =>
  Effect.gen(function* () {
    const files = yield* temporaryDirectory
    const { port } = yield* rudePort
    const names = ["Tls", "Cns", "CnsProxy", "EwsProxy", "Collector", "Database", "Wrong"]
    const word = Object.fromEntries(names.map((name) => [name, canary(name)])) as Record<string, string>
    const of = (name: string) => word[name] ?? ""
    const [tls, cns] = [pkcs12(files, of("Tls")), pkcs12(files, of("Cns"))]
    const put = (settings: Readonly<Record<string, string>>) =>
      given(form === "files" ? files : undefined, settings)
    const installation = yield* makeInstallation({
      ENS_TLS_PFX_FILE: tls.file,
      ENS_PUSH: "cns",
      ENS_CNS_URL: "https://cns.example.com/nws/notify/apns",
      ENS_CNS_CERT_FILE: cns.file,
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      ...put({
        ENS_TLS_PFX_PASSWORD: of("Tls"),
        ENS_CNS_CERT_PASSWORD: of("Cns"),
        ENS_CNS_PROXY_URL: `http://someone:${of("CnsProxy")}@127.0.0.1:${port}`,
        ENS_EWS_PROXY_URL: `http://someone:${of("EwsProxy")}@127.0.0.1:${port}`,
        OTEL_EXPORTER_OTLP_HEADERS: `authorization=${of("Collector")}`
      })
    })
    const secrets = {
      ...word,
      "the key for TLS": tls.key.split("\n")[4] ?? "",
      "the key for CNS": cns.key.split("\n")[4] ?? ""
    }
    const withOther = (settings: Readonly<Record<string, string>>) => {
      const { ...environment }: Record<string, string> = installation.environment
      for (const name of Object.keys(settings)) {
        delete environment[name]
        delete environment[`${name}_FILE`]
      }
      return { ...installation, environment: { ...environment, ...put(settings) } }
    }
    return { installation, of, port, secrets, withOther }
  })

describe("settings with canaries for secrets", () => {
  it.scopedLive(
    "that are in use are seen neither in `ens doctor` nor in what a service writes, and one whose ports are taken",
    () =>
      Effect.gen(function* () {
        const { installation, secrets } = yield* armed("variables")
        const service = yield* startProcess(installation, [], 40)
        // Has the certificates opened, and asks through the proxies.
        const doctor = yield* ensProcess(["doctor", "--json"], "", {
          ...installation.environment,
          ENS_LOG_FILE: ""
        })
        expect(doctor.out).toMatch(/its key belongs to it/)
        expect(doctor.out).toMatch(/proxy/i)
        const second = yield* spawnService(installation)
        expect(yield* second.ended).not.toBe(0)
        yield* service.signal("SIGTERM")
        expect(yield* service.ended).toBe(0)
        expectNone([doctor.out, doctor.err, second.output(), service.output()], installation, secrets)
      }),
    { timeout: 60_000 }
  )

  it.scopedLive(
    "out of files, one of them wrong, are seen neither in `ens doctor` nor in what a service says that cannot start",
    () =>
      Effect.gen(function* () {
        const { installation, of, port, secrets, withOther } = yield* armed("files")
        const wrong = [
          { ENS_TLS_PFX_PASSWORD: of("Wrong") },
          { ENS_CNS_CERT_PASSWORD: of("Wrong") },
          { ENS_DATABASE_URL: `mssql://sa:${of("Database")}@127.0.0.1:${port}/ENS?encrypt=true` },
          { ENS_CNS_PROXY_URL: `http://someone:${of("CnsProxy")}@127.0.0.1:no` }
        ]
        const outputs: Array<string> = []
        for (const settings of wrong) {
          const bad = withOther(settings)
          const [name = ""] = Object.keys(settings)
          const service = yield* spawnService(bad)
          const doctor = yield* ensProcess(["doctor"], "", { ...bad.environment, ENS_LOG_FILE: "" })
          expect(doctor.code, name).not.toBe(0)
          expect(doctor.out + doctor.err, name).toMatch(
            /password|ENS_DATABASE_URL|ENS_CNS_PROXY_URL|database/i
          )
          // Some wait for what may come; none ends as if all were well.
          const code = yield* Effect.timeoutOption(service.ended, "1 second")
          expect(Option.getOrUndefined(code), name).not.toBe(0)
          yield* service.kill
          outputs.push(doctor.out, doctor.err, service.output())
        }
        expectNone(outputs, installation, secrets)
      }),
    { timeout: 90_000 }
  )
})

const expectNone = (
  outputs: ReadonlyArray<string>,
  { directory }: Installation,
  secrets: Readonly<Record<string, string>>
) => {
  const bytes = [...outputs.map((text) => Buffer.from(text)), ...filesIn(directory)]
  expect(outputs.join("").length).toBeGreaterThan(1000)
  expect(secretsIn(bytes, secrets)).toEqual([])
  // What had come there would have been found.
  expect(secretsIn([...bytes, Buffer.from(secrets["Tls"] ?? "")], secrets)).toEqual(["Tls"])
}

describe("settings whose secrets are all canaries", () => {
  it.scopedLive("shows none of its settings' secrets in `ens config`, nor when they are wrong", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const value = Object.fromEntries(SECRETS.map((name) => [name, canary(name.replaceAll("_", ""))]))
      const written = (name: string) => {
        const word = value[name] ?? ""
        if (name === "ENS_DATABASE_URL") return `mssql://sa:${word}@127.0.0.1:1433/ENS`
        if (name.endsWith("PROXY_URL")) return `http://someone:${word}@127.0.0.1:3128`
        return name === "OTEL_EXPORTER_OTLP_HEADERS" ? `authorization=${word}` : word
      }
      const settings = Object.fromEntries(SECRETS.map((name) => [name, written(name)]))
      const master = canary("Master").padEnd(32, "x").slice(0, 32)
      const right = {
        ...settings,
        ENS_DATA_DIR: directory,
        ENS_MASTER_KEY: Buffer.from(master).toString("base64")
      }
      const wrong = {
        ENS_DATA_DIR: directory,
        ...Object.fromEntries(SECRETS.map((name) => [name, `:// ${written(name)} %%`])),
        ENS_MASTER_KEY: master
      }
      const shown = yield* ensProcess(["config"], "", right)
      expect(shown.out).toContain("ENS_DATABASE_URL")
      const refused = yield* ensProcess(["config"], "", wrong)
      expect(refused.code).not.toBe(0)
      const bytes = [shown, refused].flatMap(({ err, out }) => [Buffer.from(out), Buffer.from(err)])
      expect(secretsIn(bytes, { ...value, master: master.slice(0, 24) })).toEqual([])
    })
  )
})
