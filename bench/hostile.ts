import { readdirSync, readFileSync } from "node:fs"
import { totalmem } from "node:os"
import { setTimeout as pause } from "node:timers/promises"
import { nodeFlags } from "../src/HeapFlags.ts"
import type { BenchOptions } from "./Bench.ts"
import type { ServerReady, ServerUsage } from "./peers/BenchServer.ts"
import type { AttackOrder, AttackResult, HeartbeatOrder, HeartbeatResult } from "./peers/HostileOrders.ts"
import { Pinned } from "./peers/Pinned.ts"

export const name = "hostile"
export const about =
  "heartbeats while somebody holds n slow connections and floods with rubbish; the service on one core, attacker and Exchange on the other"

export interface HostileRow {
  readonly attack: string
  readonly heartbeats: number
  readonly p50Milliseconds: number
  readonly p99Milliseconds: number
  readonly maxMilliseconds: number
  /** Heartbeats with another answer than OK, or none. */
  readonly notOk: number
  readonly rssMB: number
  /** Of the service's core. */
  readonly cores: number
  readonly rubbishPerSecond?: number
  readonly answers?: string
  /** Slow connections that the service still has at the end; how many were made. */
  readonly slowOpen?: number
  readonly slowMade?: number
  /** File descriptors of the service in the middle of it. */
  readonly descriptors?: number
}

const SERVER_CPU = 0
const LOAD_CPU = 1
const USERS = 1_000
const HEARTBEATS = 200
const RUBBISH = 5_000
const SLOW = 2_000
/** Milliseconds: until the slow connections are there, and until what they left is gone. */
const BEFORE = 4_000
const AFTER = 5_000

/** Each in a service of its own; `--only` picks some. */
const VARIANTS = {
  /** Exchange and attacker come from addresses of their own. */
  limits: { isOneAddress: false, environment: {} },
  /** All from one address, as behind a proxy that is not named in `ENS_TRUSTED_PROXIES`. */
  one: { isOneAddress: true, environment: {} },
  off: {
    isOneAddress: false,
    environment: {
      ENS_LIMIT_ADDRESS: "off",
      ENS_LIMIT_FAILED: "off",
      ENS_LIMIT_CONNECTIONS: "100000",
      ENS_LIMIT_ADDRESS_CONNECTIONS: "100000"
    }
  }
} as const

type Variant = keyof typeof VARIANTS

/** `n`: slow connections; `share` of the flood; `minutes` of the attack. */
export const run = async (options: BenchOptions): Promise<ReadonlyArray<HostileRow>> => {
  const rows: Array<HostileRow> = []
  for (const variant of Object.keys(VARIANTS) as Array<Variant>) {
    if (options.only === undefined || options.only.includes(variant))
      rows.push(...(await measure(variant, options)))
  }
  return rows
}

const measure = async (variant: Variant, { minutes = 0.35, n = SLOW, share = 1 }: BenchOptions) => {
  const { environment, isOneAddress } = VARIANTS[variant]
  const flags = nodeFlags({ memory: totalmem(), given: [], threads: undefined, canStayClosed: false }).flags
  // It writes a line for each refused request that is not one too many.
  const service = new Pinned("./ServiceServer.ts", SERVER_CPU, [`${USERS}`], flags, environment, "ignore")
  const exchange = new Pinned("./HostileExchange.ts", LOAD_CPU)
  const attacker = new Pinned("./HostileLoad.ts", LOAD_CPU)
  try {
    const { port, targets } = await service.next<ServerReady>()
    const beats = async (milliseconds: number) => {
      const order: HeartbeatOrder = { port, targets, rate: HEARTBEATS, milliseconds, isOneAddress }
      const before = await service.ask<ServerUsage>({})
      const began = performance.now()
      const result = await exchange.ask<HeartbeatResult>(order)
      const cpu = (await service.ask<ServerUsage>({})).cpu - before.cpu
      return { ...result, cores: cpu / 1000 / (performance.now() - began) }
    }
    await beats(3_000)
    const milliseconds = minutes * 60_000
    const idle = rowOf(`none (${variant})`, await beats(milliseconds), service.pid)
    const order: AttackOrder = {
      _tag: "Begin",
      port,
      slow: n,
      rate: RUBBISH * share,
      isOneAddress,
      target: targets[0]!
    }
    attacker.tell(order)
    await pause(BEFORE)
    let descriptors = 0
    const look = setTimeout(() => {
      descriptors = descriptorsOf(service.pid)
    }, milliseconds / 2)
    const attacked = rowOf(`under way (${variant})`, await beats(milliseconds), service.pid)
    clearTimeout(look)
    const result = await attacker.ask<AttackResult>({ _tag: "End" })
    await pause(AFTER)
    const after = rowOf(`over (${variant})`, await beats(3_000), service.pid)
    return [idle, { ...attacked, ...told(result), descriptors }, after]
  } finally {
    for (const child of [service, exchange, attacker]) child.stop()
  }
}

const rowOf = (attack: string, beats: HeartbeatResult & { cores: number }, pid: number): HostileRow => ({
  attack,
  heartbeats: beats.count,
  p50Milliseconds: beats.p50,
  p99Milliseconds: beats.p99,
  maxMilliseconds: beats.max,
  notOk: beats.notOk,
  rssMB: rssOf(pid),
  cores: beats.cores
})

const told = ({ answers, milliseconds, sent, slowMade, slowOpen }: AttackResult) => ({
  rubbishPerSecond: (sent / milliseconds) * 1000,
  answers: Object.entries(answers)
    .map(([status, count]) => `${status}: ${count}`)
    .join(", "),
  slowOpen,
  slowMade
})

/** 0 where there is no /proc. */
const rssOf = (pid: number): number => {
  if (process.platform !== "linux") return 0
  const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]
  return (Number(kilobytes ?? 0) * 1024) / 1e6
}

const descriptorsOf = (pid: number): number =>
  process.platform === "linux" ? readdirSync(`/proc/${pid}/fd`).length : 0
