import { readdirSync } from "node:fs"
import { connect } from "node:net"
import { monitorEventLoopDelay, PerformanceObserver } from "node:perf_hooks"
import { createInterface } from "node:readline"
import { queryObjects, setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { isMainThread } from "node:worker_threads"

/**
 * Loaded into a service before it starts (`--import`): measures its event loop and its memory from the inside, and tells
 * over the Unix socket that `BENCH_SOCKET` names. Each line that comes from there is an order.
 */
export type InsideOrder = "reset" | "report" | "collect"

/** Milliseconds and bytes. */
export interface InsideReport {
  readonly pid: number
  readonly milliseconds: number
  /** CPU time since the reset, all threads. */
  readonly cpu: number
  readonly rss: number
  /** The largest since the reset, of samples taken twenty times a second. */
  readonly rssPeak: number
  /** How late the event loop came to a timer. */
  readonly delay: { readonly p50: number; readonly p99: number; readonly max: number }
  /** The longest ones, with the milliseconds of garbage collection within them. */
  readonly stalls: ReadonlyArray<Stall>
  /** Garbage collections since the reset. */
  readonly gc: { readonly count: number; readonly sum: number; readonly max: number }
}

export interface Stall {
  /** Since the reset. */
  readonly at: number
  readonly length: number
  readonly gc: number
}

/** After a full garbage collection. */
export interface InsideMemory {
  readonly heapUsed: number
  readonly external: number
  readonly rss: number
  readonly descriptors: number
  readonly handles: number
  readonly fibers: number
  readonly maps: number
  readonly promises: number
}

/** Milliseconds between two looks at the clock; what comes later than that is delay. */
const RESOLUTION = 5
/** A stall is worth its own line from here on. */
const STALL = 20
const STALLS_MAX = 5

const begin = (path: string): void => {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION })
  delays.enable()
  const stalls: Array<Stall> = []
  const collections: Array<{ readonly start: number; readonly length: number }> = []
  let gc = { count: 0, sum: 0, max: 0 }
  let since = performance.now()
  let cpu = process.cpuUsage()
  let rssPeak = 0

  const observer = new PerformanceObserver((list) => {
    for (const { duration, startTime } of list.getEntries()) {
      gc = { count: gc.count + 1, sum: gc.sum + duration, max: Math.max(gc.max, duration) }
      collections.push({ start: startTime, length: duration })
    }
  })
  observer.observe({ entryTypes: ["gc"] })

  let last = performance.now()
  let looks = 0
  const look = setInterval(() => {
    const now = performance.now()
    const length = now - last - 10
    if (length >= STALL) {
      const within = collections.filter(({ start }) => start >= last)
      stalls.push({ at: last - since, length, gc: within.reduce((sum, one) => sum + one.length, 0) })
      stalls.sort((a, b) => b.length - a.length)
      stalls.length = Math.min(stalls.length, STALLS_MAX)
    }
    collections.splice(0, collections.length, ...collections.filter(({ start }) => start > now - 2_000))
    looks += 1
    if (looks % 5 === 0) rssPeak = Math.max(rssPeak, process.memoryUsage.rss())
    last = now
  }, 10)

  const reset = () => {
    delays.reset()
    stalls.length = 0
    gc = { count: 0, sum: 0, max: 0 }
    since = performance.now()
    cpu = process.cpuUsage()
    rssPeak = 0
    return {}
  }
  const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - RESOLUTION)
  const report = (): InsideReport => {
    const used = process.cpuUsage(cpu)
    const rss = process.memoryUsage.rss()
    return {
      pid: process.pid,
      milliseconds: performance.now() - since,
      cpu: (used.user + used.system) / 1000,
      rss,
      rssPeak: Math.max(rss, rssPeak),
      delay: { p50: late(delays.percentile(50)), p99: late(delays.percentile(99)), max: late(delays.max) },
      stalls,
      gc
    }
  }
  const orders: Record<InsideOrder, () => object | Promise<object>> = { reset, report, collect }

  const socket = connect(path)
  socket.on("error", () => socket.destroy())
  const lines = createInterface({ input: socket })
  lines.on("line", async (order) => {
    socket.write(`${JSON.stringify(await orders[order as InsideOrder]())}\n`)
  })
  // A service that is measured ends as one that is not.
  socket.unref()
  look.unref()
}

const collect = async (): Promise<InsideMemory> => {
  // What is only here to measure with must not count as growth.
  const { Effect } = await import("effect")
  const fiber = Effect.runFork(Effect.void).constructor
  setFlagsFromString("--expose-gc")
  const gc = runInNewContext("gc") as () => void
  for (let time = 0; time < 5; time++) {
    gc()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const { external, heapUsed, rss } = process.memoryUsage()
  return {
    heapUsed,
    external,
    rss,
    descriptors: process.platform === "linux" ? readdirSync("/proc/self/fd").length : 0,
    handles: process.getActiveResourcesInfo().length,
    fibers: queryObjects(fiber as () => void, { format: "count" }),
    maps: queryObjects(Map as unknown as () => void, { format: "count" }),
    promises: queryObjects(Promise as unknown as () => void, { format: "count" })
  }
}

const path = process.env["BENCH_SOCKET"]
if (isMainThread && path !== undefined) begin(path)
