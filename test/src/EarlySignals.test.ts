import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { describe, expect, it } from "vitest"

const HERE = join(import.meta.dirname, "../..")
const UNSHARE = ["--user", "--map-root-user", "--pid", "--fork", "--kill-child"]
const succeeds = (command: string, ...args: ReadonlyArray<string>) => spawnSync(command, args).status === 0
const canUnshare = succeeds("unshare", ...UNSHARE, "true") && succeeds("pgrep", "--version")

/** A process that says `loading` before anything would catch a signal, and loads for long. */
const PROGRAM = `
import { endOnEarlySignals } from "${join(HERE, "src/EarlySignals.ts")}"
endOnEarlySignals()
process.stdout.write("loading")
setTimeout(() => {}, 60_000)`

describe("the first process of a container", () => {
  it.skipIf(!canUnshare)(
    `ends by a signal that comes while it is loading${canUnshare ? "" : " (SKIPPED: needs pgrep, and unshare with PID namespaces)"}`,
    async () => {
      const first = spawn("unshare", [...UNSHARE, process.execPath, "--input-type=module", "-e", PROGRAM], {
        stdio: ["ignore", "pipe", "inherit"]
      })
      await once(first.stdout, "data")
      const [child] = spawnSync("pgrep", ["-P", `${first.pid}`], { encoding: "utf8" })
        .stdout.trim()
        .split("\n")
      process.kill(Number(child), "SIGTERM")
      const [code] = await once(first, "exit")
      expect(code).toBe(143)
    },
    30_000
  )
})
