import { type ChildProcess, spawn } from "node:child_process"
import { openSync, readFileSync } from "node:fs"
import { get } from "node:http"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Inside } from "./Inside.ts"
import type { InsideMemory, InsideReport } from "./InsideService.ts"
import { canPin } from "./Pinned.ts"

export interface RunningOptions {
  readonly directory: string
  readonly port: number
  readonly cpu: number
  readonly environment: Readonly<Record<string, string>>
  /** Files beside this one that are loaded into the process first. */
  readonly preloads?: ReadonlyArray<string>
  readonly nodeOptions?: ReadonlyArray<string>
}

/** How long a start or a stop took, in milliseconds. */
export interface Stopped {
  readonly code: number | null
  readonly milliseconds: number
}

/**
 * The service as operators run it, `ens start` in a process of its own, with a look inside. Whoever starts it stops it.
 */
export class RunningService {
  readonly #child: ChildProcess
  readonly #inside: Inside
  /** Milliseconds until it was ready. */
  readonly readyAfter: number

  private constructor(child: ChildProcess, inside: Inside, readyAfter: number) {
    this.#child = child
    this.#inside = inside
    this.readyAfter = readyAfter
  }

  /** Fails, with the end of the service's log, if it does not become ready. */
  static async start(options: RunningOptions): Promise<RunningService> {
    const { cpu, directory, environment, nodeOptions = [], port, preloads = [] } = options
    const began = performance.now()
    const inside = await Inside.listen(join(directory, "inside.sock"))
    const logFile = join(directory, "service.log")
    const log = openSync(logFile, "a")
    const imports = ["InsideService.ts", ...preloads].map(
      (file) => `--import=${new URL(file, import.meta.url)}`
    )
    const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url))
    const node = [process.execPath, ...nodeOptions, main, "start"]
    const command = canPin ? ["/usr/bin/taskset", "-c", String(cpu), ...node] : node
    const child = spawn(command[0]!, command.slice(1), {
      stdio: ["ignore", log, log],
      env: {
        ...process.env,
        ENS_DATA_DIR: directory,
        ENS_PORT: `${port}`,
        ENS_ADMIN_PORT: "0",
        ENS_LOG_FORMAT: "json",
        ...environment,
        // Not as arguments: a service that starts another process hands these on.
        NODE_OPTIONS: imports.join(" "),
        BENCH_SOCKET: inside.path
      }
    })
    let ended = false
    child.once("exit", () => {
      ended = true
    })
    while (!(await isReady(port))) {
      if (ended) throw new Error(`the service ended: ${readFileSync(logFile, "utf8").slice(-2_000)}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return new RunningService(child, inside, performance.now() - began)
  }

  /** Measures from now on. */
  reset(): Promise<object> {
    return this.#inside.ask("reset")
  }

  report(): Promise<InsideReport> {
    return this.#inside.ask("report")
  }

  collect(): Promise<InsideMemory> {
    return this.#inside.ask("collect")
  }

  /** Asks it to end, and waits until it has. */
  stop(): Promise<Stopped> {
    const began = performance.now()
    return new Promise((resolve) => {
      const done = (code: number | null) => {
        this.#inside.close()
        resolve({ code, milliseconds: performance.now() - began })
      }
      if (this.#child.exitCode !== null) return done(this.#child.exitCode)
      this.#child.once("exit", done)
      this.#child.kill("SIGTERM")
    })
  }
}

const isReady = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    get({ host: "127.0.0.1", port, path: "/readyz", agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    }).on("error", () => resolve(false))
  })
