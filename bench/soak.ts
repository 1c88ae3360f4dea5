import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { LEDGER_SIZE } from "../actors/Ledger.ts"
import type { BenchOptions } from "./Bench.ts"
import type { ServerReady } from "./peers/BenchServer.ts"
import { freePort } from "./peers/FreePort.ts"
import { Inside } from "./peers/Inside.ts"
import type { InsideMemory, InsideReport } from "./peers/InsideService.ts"
import { PER_100_000 } from "./peers/LoadModel.ts"
import { Pinned } from "./peers/Pinned.ts"
import { RunningService } from "./peers/RunningService.ts"
import type { WorldOrder, WorldPlan, WorldReady, WorldResult } from "./peers/WorldOrders.ts"

export const name = "soak"
export const about =
  "n callbacks, mixed as in the load model, as fast as one core takes them, after a warm-up of a tenth more; growth of the heap in use after full collections since the warm-up, in percent; MiB"

/** After so many callbacks. */
export interface SoakRow {
  readonly server: string
  readonly n: number
  readonly heap: number
  /** Percent, since the warm-up. */
  readonly growth: number
  /** Buffers and the like beside the heap. */
  readonly external: number
  readonly rss: number
  readonly descriptors: number
  readonly handles: number
  readonly fibers: number
  readonly maps: number
  readonly promises: number
  readonly callbacksPerSecond: number | undefined
  /** CPU time of the whole process for a callback. */
  readonly cpuMicroseconds: number | undefined
  /** Devices that were never notified of a mail: must be 0. */
  readonly lost: number
  readonly repeated: number
}

const SERVER_CPU = 0
const WORLD_CPU = 1
const ROWS = 10
const USERS = 5_000

/** First bare node:http, what of the growth is Node's own, then the service. */
export const run = async (options: BenchOptions): Promise<ReadonlyArray<SoakRow>> => {
  const n = options.n ?? 1_000_000
  const directory = mkdtempSync(join(tmpdir(), "ens-bench-"))
  const port = await freePort()
  // Full from the beginning: a ledger that fills up is no leak.
  const plan: WorldPlan = { directory, users: USERS, port, poolKeys: 0, ledger: LEDGER_SIZE }
  const world = new Pinned("./World.ts", WORLD_CPU, [JSON.stringify(plan)])
  try {
    const ready = await world.next<WorldReady>()
    const both = options.only ?? ["bare", "service"]
    const bare = both.includes("bare") ? await soakBare(n, directory, world) : []
    const service = both.includes("service") ? await soakService(n, plan, ready, world) : []
    return [...bare, ...service]
  } finally {
    world.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** A server that tells of its inside. */
interface Subject {
  readonly server: string
  readonly port: number
  readonly notifies: boolean
  readonly collect: () => Promise<InsideMemory>
  readonly reset: () => Promise<unknown>
  readonly report: () => Promise<InsideReport>
}

const soakService = async (n: number, plan: WorldPlan, ready: WorldReady, world: Pinned) => {
  const service = await RunningService.start({
    directory: plan.directory,
    port: plan.port,
    cpu: SERVER_CPU,
    environment: {
      ENS_EWS_CA_FILE: ready.caFile,
      ENS_PUSH: "cns",
      ENS_CNS_URL: ready.gatewayUrl,
      ENS_KEYPOOL_BATCH: "1",
      ENS_KEYPOOL_THRESHOLD: "1"
    }
  })
  try {
    return await soak(n, world, {
      server: "ENS",
      port: plan.port,
      notifies: true,
      collect: () => service.collect(),
      reset: () => service.reset(),
      report: () => service.report()
    })
  } finally {
    await service.stop()
  }
}

const soakBare = async (n: number, directory: string, world: Pinned) => {
  const inside = await Inside.listen(join(directory, "bare.sock"))
  const preload = `--import=${new URL("./peers/InsideService.ts", import.meta.url)}`
  const child = new Pinned("./BareHttp.ts", SERVER_CPU, [], [preload], { BENCH_SOCKET: inside.path })
  try {
    const { port } = await child.next<ServerReady>()
    return await soak(n, world, {
      server: "bare node:http",
      port,
      notifies: false,
      collect: () => inside.ask("collect"),
      reset: () => inside.ask("reset"),
      report: () => inside.ask("report")
    })
  } finally {
    child.stop()
    inside.close()
  }
}

const soak = async (n: number, world: Pinned, subject: Subject): Promise<ReadonlyArray<SoakRow>> => {
  const { notifies, port, server } = subject
  const step = Math.ceil(n / ROWS)
  const order: WorldOrder = {
    port,
    notifies,
    rates: PER_100_000,
    length: { callbacks: step },
    registrations: 0
  }
  // The first look brings its own tools along.
  await subject.collect()
  await world.ask<WorldResult>(order)
  const warm = await subject.collect()
  const rows = [rowOf(server, 0, warm, warm, undefined, undefined)]
  for (let row = 1; row <= ROWS; row++) {
    await subject.reset()
    const result = await world.ask<WorldResult>(order)
    const report = await subject.report()
    rows.push(rowOf(server, row * step, warm, await subject.collect(), result, report))
  }
  return rows
}

const rowOf = (
  server: string,
  n: number,
  warm: InsideMemory,
  memory: InsideMemory,
  result: WorldResult | undefined,
  report: InsideReport | undefined
): SoakRow => {
  const outcomes = result?.outcomes ?? {}
  const sent = Object.values(outcomes).reduce((sum, count) => sum + count, 0)
  const answered = (outcomes["OK"] ?? 0) + (outcomes["Unsubscribe"] ?? 0)
  return {
    server,
    n,
    heap: mebibytes(memory.heapUsed),
    growth: hundredths((memory.heapUsed / warm.heapUsed - 1) * 100),
    external: mebibytes(memory.external),
    rss: mebibytes(memory.rss),
    descriptors: memory.descriptors,
    handles: memory.handles,
    fibers: memory.fibers,
    maps: memory.maps,
    promises: memory.promises,
    callbacksPerSecond: result && Math.round((answered / result.milliseconds) * 1000),
    cpuMicroseconds: report && Math.round((report.cpu * 1000) / answered),
    lost: result?.missing ?? 0,
    repeated: sent - answered
  }
}

const mebibytes = (bytes: number): number => hundredths(bytes / 2 ** 20)
const hundredths = (value: number): number => Math.round(value * 100) / 100
