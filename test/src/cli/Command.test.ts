import { spawn } from "node:child_process"
import { mkdtemp, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { migrations } from "../../../layers/storage/Migrations.ts"
import { ens, tenantOf } from "../../support/CommandLine.ts"

/** A first set-up in a directory of its own. */
const setUp = Effect.promise(async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "ens-cli-"))
  const config = join(dataDir, "settings.json")
  await writeFile(config, JSON.stringify({ ENS_DATA_DIR: dataDir }))
  return { dataDir, config, database: join(dataDir, "ens.db") }
})

const failing = (text: string | RegExp) => ({
  ok: false,
  exitCode: expect.any(Number),
  out: "",
  err: typeof text === "string" ? `ens: ${text}` : expect.stringMatching(text)
})

describe("ens token", () => {
  it.scopedLive("create: prints the token once, and it opens its tenant", () =>
    Effect.gen(function* () {
      const { config, database } = yield* setUp
      const made = yield* ens("token", "create", "--label", "phones", "--config", config)
      expect(made).toMatchObject({ ok: true, err: "" })
      const [token] = made.out.split("\n")
      expect(token).toMatch(/^ens_[\w-]{43}$/)
      expect(yield* tenantOf(database, token!)).toMatchObject({ name: "default", ewsUrls: [], seg: false })
      const listed = yield* ens("token", "list", "--config", config)
      expect(listed.out).toContain("phones")
      expect(listed.out).not.toContain(token)
    })
  )

  it.scopedLive("create: keeps tenant, EWS URLs, pins and gateway, and prints JSON for programs", () =>
    Effect.gen(function* () {
      const { config, database } = yield* setUp
      const pin = "AB:".repeat(31).concat("AB")
      const options = ["--tenant", "acme", "--ews-url", "https://mail.acme.example/EWS/Exchange.asmx"]
      const more = [
        "--ews-url",
        "http://127.0.0.1:8090/ews",
        "--ews-pin",
        pin,
        "--seg",
        "--json",
        "--config",
        config
      ]
      const made = yield* ens("token", "create", "--label", "x", ...options, ...more)
      const printed = JSON.parse(made.out)
      expect(Object.keys(printed)).toEqual(["id", "tenant", "token"])
      expect(printed.tenant).toBe("acme")
      expect(yield* tenantOf(database, printed.token)).toMatchObject({
        name: "acme",
        ewsUrls: ["https://mail.acme.example/EWS/Exchange.asmx", "http://127.0.0.1:8090/ews"],
        ewsPins: ["ab".repeat(32)],
        seg: true
      })
      const listed = JSON.parse((yield* ens("token", "list", "--json", "--config", config)).out)
      expect(listed).toEqual([
        {
          id: printed.id,
          tenant: "acme",
          label: "x",
          createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
          lastUsedAt: null,
          replacedAt: null,
          expiresAt: null,
          ewsUrls: ["https://mail.acme.example/EWS/Exchange.asmx", "http://127.0.0.1:8090/ews"]
        }
      ])
    })
  )

  it.scopedLive("create: says in one line what is wrong with an option, and makes nothing", () =>
    Effect.gen(function* () {
      const { config } = yield* setUp
      const create = (...args: ReadonlyArray<string>) => ens("token", "create", "--config", config, ...args)
      const labelled = (...args: ReadonlyArray<string>) => create("--label", "x", ...args)
      expect(yield* create()).toEqual(
        failing(/^ens: Expected to find option: '--label'; see: ens token create --help$/)
      )
      expect(yield* create("--label", " ")).toEqual(failing("--label must be a text of 1 to 100 characters"))
      expect(yield* labelled("--tenant", "a\nb")).toEqual(failing(/^ens: --tenant must/))
      expect(yield* labelled("--ews-url", "mail.example.com")).toEqual(
        failing(/^ens: --ews-url must be an http/)
      )
      expect(yield* labelled("--ews-url", "http://mail.example.com/")).toEqual(
        failing("--ews-url must be https; plain http is for loopback addresses only")
      )
      expect(yield* labelled("--ews-pin", "abc")).toEqual(failing(/^ens: --ews-pin must be 64 hexadecimal/))
      expect(yield* labelled("--nonsense")).toEqual(failing(/^ens: .*--nonsense[^\n]*$/))
      expect((yield* ens("token", "list", "--config", config)).out).toContain("no tokens")
    })
  )

  it.scopedLive("revoke: ends a token, and says when there is none", () =>
    Effect.gen(function* () {
      const { config, database } = yield* setUp
      const { id, token } = JSON.parse(
        (yield* ens("token", "create", "--label", "x", "--json", "--config", config)).out
      )
      const revoked = yield* ens("token", "revoke", "--config", config, id)
      expect(revoked).toMatchObject({ ok: true, out: expect.stringContaining(`token ${id} is revoked`) })
      expect(yield* tenantOf(database, token)).toBe(undefined)
      expect(yield* ens("token", "revoke", "--config", config, id)).toEqual(
        failing(`there is no token ${id}; see: ens token list`)
      )
    })
  )
})

describe("ens config and ens migrate", () => {
  it.scopedLive("config: prints effective values", () =>
    Effect.gen(function* () {
      const { config, dataDir } = yield* setUp
      const shown = JSON.parse((yield* ens("config", "--json", "--config", config)).out)
      expect(shown).toMatchObject({
        ENS_PORT: "8080",
        ENS_DATA_DIR: dataDir,
        ENS_DATABASE_URL: `file:${dataDir}/ens.db`
      })
      const table = (yield* ens("config", "--config", config)).out.split("\n")
      expect(table[0]).toMatch(/^SETTING +VALUE +MEANING$/)
      expect(table.find((line) => line.startsWith("ENS_PORT "))).toMatch(/^ENS_PORT +8080 +its port$/)
    })
  )

  it.scopedLive("say what is wrong with settings in one line", () =>
    Effect.gen(function* () {
      const { config } = yield* setUp
      yield* Effect.promise(() => writeFile(config, '{"ENS_PORT": "x", "ENS_MIN_POLICY": 9}'))
      const wrong = failing(
        "ENS_PORT must be a whole number from 0 to 65535; ENS_MIN_POLICY must be a whole number from 0 to 4"
      )
      expect(yield* ens("config", "--config", config)).toEqual(wrong)
      expect(yield* ens("migrate", "--config", config)).toEqual(wrong)
      expect(yield* ens("token", "list", "--config", config)).toEqual(wrong)
      expect(yield* ens("config", "--config", "/nowhere")).toEqual(failing(/^ens: .*\/nowhere[^\n]*$/))
    })
  )

  it.scopedLive("migrate: makes the database, or says that it is of another master key", () =>
    Effect.gen(function* () {
      const { config, dataDir, database } = yield* setUp
      const first = yield* ens("migrate", "--json", "--config", config)
      const all = migrations.map(({ name }) => name)
      expect(JSON.parse(first.out)).toEqual({ database, found: 0, version: all.length, done: all })
      yield* Effect.promise(() =>
        writeFile(join(dataDir, "master.key"), Buffer.alloc(32, 1).toString("base64"))
      )
      expect(yield* ens("migrate", "--config", config)).toEqual(failing(/^ens: the master key does not open/))
    })
  )

  it.scopedLive("an unknown command is one line and no success", () =>
    Effect.gen(function* () {
      expect(yield* ens("tokens")).toEqual(
        failing("there is no command ens tokens; did you mean ens token?; see: ens --help")
      )
    })
  )
})

/** Runs `ens …` as a process of its own. */
const process_ = (args: ReadonlyArray<string>, input: string) =>
  Effect.promise(async () => {
    const entry = new URL("../../support/Ens.ts", import.meta.url).pathname
    const child = spawn(process.execPath, [entry, ...args], { stdio: "pipe" })
    child.stdin.end(input)
    const code = new Promise<number | null>((done) => child.on("close", done))
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])
    return { code: await code, out, err }
  })

describe("ens as a process", () => {
  it.scopedLive("token create --stdin: imports what phones have already", () =>
    Effect.gen(function* () {
      const { config, database } = yield* setUp
      const args = ["token", "create", "--label", "old", "--stdin", "--config", config]
      const done = yield* process_(args, "12341-an-old-token-fasdf\n")
      expect(done).toMatchObject({ code: 0, err: "" })
      expect(done.out).not.toContain("12341")
      expect(yield* tenantOf(database, "12341-an-old-token-fasdf")).toMatchObject({ name: "default" })
    })
  )

  it.scopedLive("token create --stdin: warns of a weak token without showing it, and never revives one", () =>
    Effect.gen(function* () {
      const { config } = yield* setUp
      const args = ["token", "create", "--label", "old", "--stdin", "--config", config]
      const weak = yield* process_(args, "Summer2026!")
      expect(weak).toMatchObject({ code: 0, out: "token 1 of tenant default imported\n" })
      expect(weak.err).toMatch(/looks like 72 bits at most.*ens token rotate 1\n$/)
      expect(weak.err).not.toContain("Summer")
      const rotated = yield* ens("token", "rotate", "1", "--overlap", "1 days", "--config", config)
      expect(rotated.ok).toBe(true)
      expect((yield* process_(args, "Summer2026!")).out).toMatch(
        /it was there and has been rotated, so it ends at/
      )
      yield* ens("token", "rotate", "1", "--overlap", "0", "--config", config)
      const late = yield* process_(args, "Summer2026!")
      expect(late).toMatchObject({ code: 1, out: "" })
      expect(late.err).toMatch(/^ens: this token has ended: it is token 1, which was replaced/)
    })
  )

  it.scopedLive("tells who may have forgotten --config that a new database is made, once", () =>
    Effect.gen(function* () {
      const { config, database } = yield* setUp
      const list = process_(["token", "list", "--json", "--config", config], "")
      const first = yield* list
      expect(JSON.parse(first.out)).toEqual([])
      expect(first.err).toMatch(/^[^\n]*there was no database, so one is made: [^\n]*--config\n$/)
      expect(first.err).toContain(database)
      expect((yield* list).err).toBe("")
    })
  )

  it.scopedLive("warns once, and apart from what it prints", () =>
    Effect.gen(function* () {
      const { config } = yield* setUp
      yield* Effect.promise(() => writeFile(config, '{"ENS_PROT": 80}'))
      const done = yield* process_(["config", "--json", "--config", config], "")
      expect(JSON.parse(done.out)).toMatchObject({ ENS_PORT: "8080" })
      expect(done.err).toMatch(/^[^\n]*ENS_PROT is not a setting[^\n]*\n$/)
    })
  )

  it.scopedLive("ends with another code than 0 and one line when something is wrong", () =>
    Effect.gen(function* () {
      const { config } = yield* setUp
      const args = ["token", "create", "--label", "old", "--stdin", "--config", config]
      const failed = yield* process_(args, "two words")
      expect(failed).toMatchObject({ code: 1, out: "" })
      expect(failed.err).toMatch(/^ens: standard input must hold one token [^\n]*\n$/)
    })
  )
})
