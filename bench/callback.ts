import type { ServerReady, ServerUsage } from "./peers/BenchServer.ts"
import type { LoadOrder, LoadResult } from "./peers/CallbackLoad.ts"
import { Pinned } from "./peers/Pinned.ts"

export const name = "callback"
export const about =
  "heartbeat callbacks over HTTP on 64 kept connections, each server alone on one core; ratio = requests per second against bare node:http beside it"

export interface CallbackRow {
  readonly server: string
  /** Subscriptions that the callbacks are for, in turn. */
  readonly n: number
  readonly requestsPerSecond: number
  /** Of bare node:http in the same round; the median over the rounds. */
  readonly ratio: number
  /** CPU time of the server's process, all its threads. */
  readonly cpuMicroseconds: number
  /** The same by CPU time: bare's through this one's. Hardly moved by what else the machine does. */
  readonly cpuRatio: number
  readonly p50Milliseconds: number
  readonly p99Milliseconds: number
}

const CONNECTIONS = 64
const ROUNDS = 8
const ROUND = 1_500
const WARM_UP = 3_000
const SERVER_CPU = 0
const LOAD_CPU = 1

/** Servers take turns within each round, so that what disturbs the machine disturbs all of them. */
export const run = async (
  options: { readonly n?: number | undefined } = {}
): Promise<ReadonlyArray<CallbackRow>> => {
  const n = options.n ?? 1_000
  const load = new Pinned("./CallbackLoad.ts", LOAD_CPU)
  const servers = [
    { server: "bare node:http", child: new Pinned("./BareHttp.ts", SERVER_CPU) },
    { server: "ENS: MAC and reader", child: new Pinned("./CallbackServer.ts", SERVER_CPU, [`${n}`]) },
    { server: "ENS: the whole service", child: new Pinned("./ServiceServer.ts", SERVER_CPU, [`${n}`]) }
  ]
  try {
    const contenders: Array<Contender> = []
    for (const { server, child } of servers) {
      contenders.push({ server, child, ready: await child.next<ServerReady>(), rounds: [] })
    }
    // The bare one knows no URLs, and gets ones as long as the others'.
    const targets = contenders[1]!.ready.targets
    for (const contender of contenders) await measure(load, contender, targets, WARM_UP)
    for (let round = 0; round < ROUNDS; round++) {
      for (const contender of contenders) {
        contender.rounds.push(await measure(load, contender, targets, ROUND))
      }
    }
    return contenders.map((contender) => rowOf(contender, contenders[0]!, n))
  } finally {
    for (const { child } of servers) child.stop()
    load.stop()
  }
}

interface Contender {
  readonly server: string
  readonly child: Pinned
  readonly ready: ServerReady
  readonly rounds: Array<Round>
}

interface Round {
  readonly rate: number
  readonly cpu: number
  readonly p50: number
  readonly p99: number
}

const measure = async (
  load: Pinned,
  { child, ready }: Contender,
  targets: ReadonlyArray<string>,
  milliseconds: number
): Promise<Round> => {
  const own = ready.targets.length > 0 ? ready.targets : targets
  const order: LoadOrder = { port: ready.port, targets: own, connections: CONNECTIONS, milliseconds }
  const before = await child.ask<ServerUsage>({})
  const result = await load.ask<LoadResult>(order)
  const after = await child.ask<ServerUsage>({})
  return {
    rate: (result.requests / result.milliseconds) * 1000,
    cpu: (after.cpu - before.cpu) / result.requests,
    p50: result.p50,
    p99: result.p99
  }
}

const rowOf = ({ rounds, server }: Contender, bare: Contender, n: number): CallbackRow => {
  const middle = (value: (round: Round, beside: Round) => number) =>
    median(rounds.map((round, index) => value(round, bare.rounds[index]!)))
  return {
    server,
    n,
    requestsPerSecond: Math.round(middle(({ rate }) => rate)),
    ratio: hundredths(middle(({ rate }, beside) => rate / beside.rate)),
    cpuMicroseconds: hundredths(middle(({ cpu }) => cpu)),
    cpuRatio: hundredths(middle(({ cpu }, beside) => beside.cpu / cpu)),
    p50Milliseconds: hundredths(middle(({ p50 }) => p50)),
    p99Milliseconds: hundredths(middle(({ p99 }) => p99))
  }
}

const median = (values: ReadonlyArray<number>): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

const hundredths = (value: number): number => Math.round(value * 100) / 100
