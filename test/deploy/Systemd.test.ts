import { execFileSync, spawnSync } from "node:child_process"
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { freePorts } from "../../src/demo/FreePorts.ts"
import { within } from "../e2e/Rehearsal.ts"
import { describePeer, isRoot } from "../peers/support/RealPeer.ts"
import { temporaryDirectory } from "../support/TemporaryDirectory.ts"
import { shipped } from "./support/FrontProxy.ts"
import { NOBODY, ROOT, spawned } from "./support/Spawned.ts"

const unit = shipped("systemd/ens.service")

/** Values of a setting of the unit, in order. */
const valuesOf = (name: string): ReadonlyArray<string> =>
  [...unit.matchAll(new RegExp(`^${name}=(.*)$`, "gm"))].map(([, value = ""]) => value)

/** The unit as if this tree lay in /opt/ens. */
const unitHere = (directory: string): string => {
  const path = join(directory, "ens.service")
  writeFileSync(path, unit.replaceAll("/opt/ens", ROOT))
  return path
}

describePeer(
  "systemd, asked about ens.service,",
  ["/usr/bin/systemd-analyze", "/usr/bin/systemd-sysusers"],
  () => {
    it.scoped("finds nothing wrong with it", () =>
      Effect.map(temporaryDirectory, (directory) => {
        const { status, stderr } = spawnSync("systemd-analyze", ["verify", unitHere(directory)], {
          encoding: "utf8"
        })
        expect(stderr).toBe("")
        expect(status).toBe(0)
      })
    )

    it.scoped("rates its exposure at 1.2 of 10 at most", () =>
      Effect.map(temporaryDirectory, (directory) => {
        const { status, stderr, stdout } = spawnSync(
          "systemd-analyze",
          ["security", "--offline=yes", "--threshold=12", "--no-pager", unitHere(directory)],
          { encoding: "utf8" }
        )
        expect(status, `${stdout}${stderr}`).toBe(0)
      })
    )

    it("takes the file of the account", () => {
      const { status, stderr } = spawnSync(
        "systemd-sysusers",
        ["--dry-run", join(ROOT, "deploy/systemd/ens.sysusers")],
        { encoding: "utf8" }
      )
      expect(status, stderr).toBe(0)
    })
  }
)

describe("ens.service", () => {
  it("gives a stopping service more time than it takes, and does not ask for what V8 cannot", () => {
    expect(Number(valuesOf("TimeoutStopSec")[0])).toBeGreaterThan(10)
    expect(valuesOf("MemoryDenyWriteExecute")).toEqual([])
  })

  it.scopedLive(
    `starts, is waited for, and stops by its signal with code 0, as an account that owns nothing but its directory${isRoot ? "" : " (as this account: SKIPPED is another one, which needs root)"}`,
    () =>
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        chmodSync(directory, 0o755)
        const [port, adminPort] = yield* freePorts(2)
        const data = join(directory, "data")
        const credentials = join(directory, "credentials")
        const key = join(credentials, "master.key")
        for (const path of [data, credentials]) mkdirSync(path, { mode: 0o700 })
        writeFileSync(key, execFileSync("openssl", ["rand", "-base64", "32"]))
        // As systemd gives it: to nobody else, and not to be written.
        chmodSync(key, 0o440)
        if (isRoot) for (const path of [data, credentials, key]) chownSync(path, NOBODY, NOBODY)
        const config = join(directory, "ens.json")
        writeFileSync(
          config,
          JSON.stringify({
            ...JSON.parse(shipped("systemd/ens.json")),
            ENS_PORT: port,
            ENS_ADMIN_PORT: adminPort,
            ENS_PUBLIC_URL: `http://127.0.0.1:${port}`,
            ENS_PUSH: "log",
            ENS_DATA_DIR: data,
            ENS_AUDIT_FILE: join(data, "audit.log"),
            ENS_KEYPOOL_BATCH: 2,
            ENS_KEYPOOL_THRESHOLD: 1
          })
        )
        const here = (command: string) =>
          command
            .replaceAll("/opt/ens/node_modules/.bin/node", process.execPath)
            .replaceAll("/opt/ens", ROOT)
            .replaceAll("/etc/ens/ens.json", config)
            .replaceAll("127.0.0.1:8081", `127.0.0.1:${adminPort}`)
            .split(" ")
        const environment = { ENS_MASTER_KEY_FILE: key }
        const [start = "", post = ""] = ["ExecStart", "ExecStartPost"].map((name) => valuesOf(name)[0])
        const service = yield* spawned(here(start), { cwd: data, environment, otherAccount: isRoot })
        const waiting = yield* spawned(here(post), { cwd: data, environment, otherAccount: isRoot })
        expect(yield* within(waiting.ended, `ready: ${service.output()}`, 100)).toBe(0)
        expect(waiting.output()).toBe("")
        const answer = yield* Effect.promise(() => fetch(`http://127.0.0.1:${port}/readyz`))
        expect(answer.status).toBe(200)
        service.signal(valuesOf("KillSignal")[0] as NodeJS.Signals)
        expect(yield* within(service.ended, "the end", 12)).toBe(0)
        expect(service.output()).toContain('"stopped"')
        // No key was made beside the one that was given.
        expect(readdirSync(data)).not.toContain("master.key")
      }),
    180_000
  )

  it("has a config file that is accepted as it is", () => {
    const { status, stderr, stdout } = spawnSync(
      process.execPath,
      [join(ROOT, "src/main.ts"), "config", "--json", "--config", join(ROOT, "deploy/systemd/ens.json")],
      { encoding: "utf8", cwd: ROOT, env: { PATH: process.env["PATH"] } }
    )
    expect(stderr).toBe("")
    expect(status).toBe(0)
    expect(stdout).toContain("/var/lib/ens")
  })
})

describe("the command for administrators beside ens.service", () => {
  const script = join(ROOT, "deploy/systemd/ens")

  it.skipIf(!isRoot)("hands the key on where only the account sees it, and not as an argument", () =>
    Effect.runPromise(
      Effect.scoped(
        Effect.map(temporaryDirectory, (directory) => {
          const key = execFileSync("openssl", ["rand", "-base64", "32"], { encoding: "utf8" })
          writeFileSync(join(directory, "master.key"), key, { mode: 0o600 })
          const fake = '#!/bin/sh\necho "$@" >"$ENS_TEST_OUT/arguments"\nenv >"$ENS_TEST_OUT/environment"\n'
          writeFileSync(join(directory, "setpriv"), fake, { mode: 0o755 })
          execFileSync(script, ["token", "list"], {
            env: {
              PATH: `${directory}:${process.env["PATH"]}`,
              ENS_KEY_FILE: join(directory, "master.key"),
              ENS_HOME: ROOT,
              ENS_TEST_OUT: directory
            }
          })
          const said = (name: string) => readFileSync(join(directory, name), "utf8")
          expect(said("arguments")).toContain("--reuid ens")
          expect(said("arguments")).toContain("main.ts token list")
          expect(said("arguments")).not.toContain(key.trim())
          expect(said("environment")).toContain(`ENS_MASTER_KEY=${key.trim()}`)
          expect(said("environment")).not.toContain("ENS_HOME")
        })
      )
    )
  )

  it("can be run", () => {
    expect(statSync(script).mode & 0o111).toBe(0o111)
    expect(spawnSync("sh", ["-n", script]).status).toBe(0)
  })
})
