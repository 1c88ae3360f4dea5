import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { BenchOptions } from "./Bench.ts"
import type { ServerReady, ServerUsage } from "./peers/BenchServer.ts"
import { freePort } from "./peers/FreePort.ts"
import type { InsideReport } from "./peers/InsideService.ts"
import { type CallbackRates, ratesFor } from "./peers/LoadModel.ts"
import { Pinned } from "./peers/Pinned.ts"
import { RunningService, type Stopped } from "./peers/RunningService.ts"
import type { WorldOrder, WorldPlan, WorldReady, WorldResult } from "./peers/WorldOrders.ts"

export const name = "storm"
export const about =
  "the service as operators run it, on one core, under the load model of n users, who come from the other core: added latency of mails (callback due → gateway) and heartbeats (callback due → OK), event-loop delay from the inside; ms, s, MiB"

/** One phase; times without a unit in their name are milliseconds. */
export interface StormRow {
  readonly phase: string
  readonly server: string
  readonly n: number
  readonly callbacks: number
  readonly heartbeatP50: number
  readonly heartbeatP99: number
  readonly mailP50: number | undefined
  readonly mailP99: number | undefined
  readonly delayP50: number | undefined
  readonly delayP99: number | undefined
  /** The longest that the event loop was away, and how much of that was garbage collection. */
  readonly stall: number | undefined
  readonly stallGc: number | undefined
  /** CPU time of the whole process by wall-clock time, until the last answer. */
  readonly cores: number
  /** CPU time of the whole process for a callback, all kinds together. */
  readonly cpuMicroseconds: number | undefined
  readonly rss: number | undefined
  /** Callbacks that were not taken (503, no connection) and came again 30 s later or more. */
  readonly repeated: number
  readonly withoutDetails: number
  readonly duplicates: number
  /** Devices that were never notified of a mail: must be 0. */
  readonly lost: number
  /** Seconds: of the burst until the last phone was notified, of the restart until everything was served again. */
  readonly allServed: number | undefined
  /** First registrations of users, by their end, and of those that succeeded the time of one in 100. */
  readonly registered: number
  readonly unregistered: number
  readonly registeredP99: number | undefined
  /** Milliseconds that the load itself was late, 99 of 100. */
  readonly loadLate: number
  /** Calls to Exchange a second. */
  readonly ewsCalls: number
}

const SERVICE_CPU = 0
const WORLD_CPU = 1
/** Mails of the burst, and in how many milliseconds they come. */
const BURST = 20_000
const BURST_TIME = 2_000
const SHORT = 30_000
/** What a service does for the first time takes longer than ever after. */
const WARM_UP = 5_000
const REGISTRATIONS = 100

/** `minutes` is the length of the phase `load` (default 1); `share` of the load model (default 1). */
export const run = async (options: BenchOptions): Promise<ReadonlyArray<StormRow>> => {
  const n = options.n ?? 100_000
  const directory = mkdtempSync(join(tmpdir(), "ens-bench-"))
  try {
    return await storm(n, directory, options)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

const storm = async (
  n: number,
  directory: string,
  { minutes = 1, only, share = 1 }: BenchOptions
): Promise<ReadonlyArray<StormRow>> => {
  const port = await freePort()
  const poolKeys = (REGISTRATIONS * SHORT * 1.3) / 1000
  const plan: WorldPlan = { directory, users: n, port, poolKeys }
  const world = new Pinned("./World.ts", WORLD_CPU, [JSON.stringify(plan)])
  const rates = ratesFor(n, share)
  const length = { milliseconds: minutes * 60_000 }
  const order = { port, notifies: true, rates, length, registrations: 0 }
  try {
    const stage = new Stage(n, plan, world, await world.next<WorldReady>())
    const phases: Record<string, () => Promise<StormRow>> = {
      bare: () => stage.bare({ ...order, length: { milliseconds: Math.min(length.milliseconds, 15_000) } }),
      load: () => stage.phase("load", order),
      burst: () => stage.phase("burst", burst(order, n), order),
      restart: () => stage.restart({ ...order, length: { milliseconds: SHORT } }),
      hard: () => stage.hard({ ...order, length: { milliseconds: SHORT }, registrations: REGISTRATIONS })
    }
    const rows: Array<StormRow> = []
    for (const [phase, measure] of Object.entries(phases)) {
      if (only === undefined || only.includes(phase)) rows.push(await measure())
    }
    await stage.close()
    return rows
  } finally {
    world.stop()
  }
}

/** A mail to everybody, or to as many as come in two seconds at the most. */
const burst = (order: WorldOrder, n: number): WorldOrder => {
  const mails = Math.min(n, BURST)
  const rates: CallbackRates = { heartbeat: 0, mail: mails / (BURST_TIME / 1000), modified: 0 }
  return { ...order, rates, length: { milliseconds: BURST_TIME } }
}

/** The service among its world; it runs from the first phase that needs it on. */
class Stage {
  readonly #n: number
  readonly #plan: WorldPlan
  readonly #world: Pinned
  readonly #environment: Readonly<Record<string, string>>
  #service: RunningService | undefined

  constructor(n: number, plan: WorldPlan, world: Pinned, ready: WorldReady) {
    this.#n = n
    this.#plan = plan
    this.#world = world
    this.#environment = {
      ENS_EWS_CA_FILE: ready.caFile,
      ENS_PUSH: "cns",
      ENS_CNS_URL: ready.gatewayUrl,
      ENS_KEYPOOL_BATCH: "1",
      ENS_KEYPOOL_THRESHOLD: "1"
    }
  }

  /** A phase of a service that just runs. */
  async phase(phase: string, order: WorldOrder, usual: WorldOrder = order): Promise<StormRow> {
    this.#service ??= await this.#start({}, [])
    await this.#world.ask<WorldResult>({ ...usual, length: { milliseconds: WARM_UP } })
    await this.#service.reset()
    const result = await this.#world.ask<WorldResult>(order)
    return this.#row(phase, order, result, await this.#service.report())
  }

  /** The service ends and starts again a third into the phase. */
  async restart(order: WorldOrder): Promise<StormRow> {
    this.#service ??= await this.#start({}, [])
    const answer = this.#world.ask<WorldResult>(order)
    await pause(SHORT / 3)
    const began = Date.now()
    await this.close()
    this.#service = await this.#start({}, [])
    await this.#service.reset()
    const result = await answer
    const row = this.#row("restart", order, result, await this.#service.report())
    return { ...row, allServed: tenths((result.lastRepeat - began) / 1000) }
  }

  /** The load model, while RSA keys are made, phones register, and every commit takes 50 ms. */
  async hard(order: WorldOrder): Promise<StormRow> {
    await this.close()
    const keys = { ENS_KEYPOOL_BATCH: "500", ENS_KEYPOOL_THRESHOLD: "100000" }
    this.#service = await this.#start(keys, ["SlowDisk.ts"])
    const row = await this.phase("hard", order)
    await this.close()
    return row
  }

  /** The same callbacks to a listener that does nothing: what of the latency is loopback, Node and this machine. */
  async bare(order: WorldOrder): Promise<StormRow> {
    const child = new Pinned("./BareHttp.ts", SERVICE_CPU)
    try {
      const { port } = await child.next<ServerReady>()
      const before = await child.ask<ServerUsage>({})
      const result = await this.#world.ask<WorldResult>({ ...order, port, notifies: false })
      const after = await child.ask<ServerUsage>({})
      return {
        ...this.#row("load", order, result, undefined),
        server: "bare node:http",
        cores: hundredths((after.cpu - before.cpu) / 1000 / result.milliseconds),
        cpuMicroseconds: Math.round((after.cpu - before.cpu) / (result.outcomes["OK"] ?? 1))
      }
    } finally {
      child.stop()
    }
  }

  async close(): Promise<Stopped | undefined> {
    const stopped = await this.#service?.stop()
    this.#service = undefined
    if (stopped !== undefined && stopped.code !== 0) throw new Error(`the service ended with ${stopped.code}`)
    return stopped
  }

  #start(environment: Readonly<Record<string, string>>, preloads: ReadonlyArray<string>) {
    const { directory, port } = this.#plan
    return RunningService.start({
      directory,
      port,
      cpu: SERVICE_CPU,
      environment: { ...this.#environment, ...environment },
      preloads
    })
  }

  #row(phase: string, order: WorldOrder, result: WorldResult, inside: InsideReport | undefined): StormRow {
    const { answered, calls, late, notified, outcomes } = result
    const seconds = result.milliseconds / 1000
    const sent = Object.values(outcomes).reduce((sum, count) => sum + count, 0)
    const final = (outcomes["OK"] ?? 0) + (outcomes["Unsubscribe"] ?? 0)
    const told = order.notifies && notified.count > 0
    return {
      phase,
      server: "ENS",
      n: this.#n,
      callbacks: final,
      heartbeatP50: tenths(answered.heartbeat.p50),
      heartbeatP99: tenths(answered.heartbeat.p99),
      mailP50: told ? tenths(notified.p50) : undefined,
      mailP99: told ? tenths(notified.p99) : undefined,
      delayP50: inside && tenths(inside.delay.p50),
      delayP99: inside && tenths(inside.delay.p99),
      stall: inside && Math.round(inside.delay.max),
      stallGc: inside && Math.round(inside.stalls[0]?.gc ?? 0),
      cores: inside === undefined ? 0 : hundredths(inside.cpu / inside.milliseconds),
      cpuMicroseconds: inside && Math.round((inside.cpu * 1000) / final),
      rss: inside && Math.round(inside.rssPeak / 2 ** 20),
      repeated: sent - final,
      withoutDetails: result.withoutDetails,
      duplicates: result.duplicates,
      lost: result.missing,
      allServed: phase === "burst" ? tenths(result.lastNotified / 1000) : undefined,
      registered: result.registered.count,
      unregistered: result.refusedRegistrations,
      registeredP99: result.registered.count === 0 ? undefined : Math.round(result.registered.p99),
      loadLate: tenths(late.p99),
      ewsCalls: Math.round((calls.GetItem + calls.GetFolder + calls.FindItem + calls.Subscribe) / seconds)
    }
  }
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))
const tenths = (value: number): number => Math.round(value * 10) / 10
const hundredths = (value: number): number => Math.round(value * 100) / 100
