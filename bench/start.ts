import { execFile } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { get } from "node:http"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { freePort } from "./peers/FreePort.ts"
import { genServers } from "./peers/GenServer.ts"
import { Pinned } from "./peers/Pinned.ts"
import { RunningService } from "./peers/RunningService.ts"

export const name = "start"
export const about =
  "a start with so many subscriptions in storage: time until ready, memory when idle, answers meanwhile, time to stop"

export interface StartRow {
  readonly runtime: string
  readonly n: number
  /** ENS: from the process's start until `/readyz` says 200. Its peers: from the first row or spawn to the last. */
  readonly readyMilliseconds: number
  /** The longest that `GET /healthz` took from the first answer until ready. */
  readonly longestAnswerMilliseconds?: number
  /** Resident set, some seconds after the start. */
  readonly rssMB?: number
  /** After a full collection. */
  readonly heapMB: number
  readonly rssPeakMB?: number
  readonly stopMilliseconds?: number
  readonly exitCode?: number | null
}

/** `n` picks one size instead of 1,000, 10,000 and 100,000. */
export const run = async (options: { readonly n?: number | undefined } = {}) => {
  const sizes = options.n === undefined ? [1_000, 10_000, 100_000] : [options.n]
  const rows: Array<StartRow> = []
  for (const n of sizes) {
    const directory = await mkdtemp(join(tmpdir(), "ens-bench-"))
    try {
      await promisify(execFile)(process.execPath, [fileOf("FillDirectory.ts"), directory, `${n}`])
      rows.push(await plain(directory, n), await service(directory, n))
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  }
  const erlang = (await genServers(sizes)).map(
    ({ bytesPerActor, n, runtime, spawnMicroseconds }): StartRow => ({
      runtime: `${runtime}, spawned only`,
      n,
      readyMilliseconds: (spawnMicroseconds * n) / 1000,
      heapMB: (bytesPerActor * n) / 1e6
    })
  )
  return [...rows, ...erlang]
}

const service = async (directory: string, n: number): Promise<StartRow> => {
  const port = await freePort()
  const health = new Health(port)
  const running = await RunningService.start({
    directory,
    port,
    cpu: availableParallelism() - 1,
    environment: { ENS_KEYPOOL_BATCH: "1", ENS_KEYPOOL_THRESHOLD: "1" }
  })
  const longestAnswerMilliseconds = await health.stop()
  await pause(SETTLED_AFTER)
  const { rss, rssPeak } = await running.report()
  const { heapUsed } = await running.collect()
  const { code, milliseconds } = await running.stop()
  return {
    runtime: "ENS",
    n,
    readyMilliseconds: running.readyAfter,
    longestAnswerMilliseconds,
    rssMB: rss / 1e6,
    heapMB: heapUsed / 1e6,
    rssPeakMB: rssPeak / 1e6,
    stopMilliseconds: milliseconds,
    exitCode: code
  }
}

const plain = async (directory: string, n: number): Promise<StartRow> => {
  const child = new Pinned(
    "PlainLoad.ts",
    availableParallelism() - 1,
    [join(directory, "ens.db")],
    ["--expose-gc", "--max-old-space-size=8192"]
  )
  const { heapUsed, readyMilliseconds, rss } = await child.next<{
    readyMilliseconds: number
    rss: number
    heapUsed: number
  }>()
  return {
    runtime: "rows in a Map",
    n,
    readyMilliseconds,
    rssMB: rss / 1e6,
    heapMB: heapUsed / 1e6
  }
}

/** Asks the service again and again whether it is alive, as a load balancer does, but more often. */
class Health {
  readonly #port: number
  readonly #done: Promise<void>
  #longest = 0
  #goesOn = true

  constructor(port: number) {
    this.#port = port
    this.#done = this.#ask()
  }

  /** The longest answer in milliseconds. */
  async stop(): Promise<number> {
    this.#goesOn = false
    await this.#done
    return this.#longest
  }

  async #ask(): Promise<void> {
    while (this.#goesOn) {
      const began = performance.now()
      if (await answers(this.#port)) this.#longest = Math.max(this.#longest, performance.now() - began)
      await pause(5)
    }
  }
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    get({ host: "127.0.0.1", port, path: "/healthz", agent: false }, (response) => {
      response.resume().once("end", () => resolve(true))
    }).on("error", () => resolve(false))
  })

const fileOf = (file: string): string => fileURLToPath(new URL(`./peers/${file}`, import.meta.url))

/** Milliseconds after which nothing of the start is going on any more. */
const SETTLED_AFTER = 10_000
