import { totalmem } from "node:os"
import { nodeFlags } from "../src/HeapFlags.ts"
import { type BenchCertificate, makeCertificate } from "./peers/BenchCertificate.ts"
import type { ServerReady, ServerUsage } from "./peers/BenchServer.ts"
import type { LoadOrder, LoadResult } from "./peers/CallbackLoad.ts"
import { Pinned } from "./peers/Pinned.ts"

export const name = "callback"
export const about =
  "heartbeat callbacks on 64 connections, each server alone on one core; ratios are against the bare server beside it, which only says OK"

export interface CallbackRow {
  readonly server: string
  /** How callbacks come: over plain HTTP or TLS, on connections that are kept, or each on one of its own. */
  readonly over: string
  /** Subscriptions that the callbacks are for, in turn. */
  readonly n: number
  readonly requestsPerSecond: number
  /** Of the bare server's requests per second in the same round; the median over the rounds. */
  readonly ratio: number
  /** CPU time of the server's process, all its threads. */
  readonly cpuMicroseconds: number
  /** The same by CPU time: the bare server's through this one's. Hardly moved by what else the machine does. */
  readonly cpuRatio: number
  readonly p50Milliseconds: number
  readonly p99Milliseconds: number
}

const CONNECTIONS = 64
const SERVER_CPU = 0
const LOAD_CPU = 1

/** As `ens start` starts Node: it keeps the space for young objects small, for the sake of memory and short pauses. */
const FLAGS = nodeFlags({ memory: totalmem(), given: [], threads: undefined, canStayClosed: false }).flags

/** One way in, and how long it is measured: milliseconds of warm-up, then of each of the rounds. */
interface Way {
  readonly over: string
  readonly tls: boolean
  readonly kept: boolean
  readonly warmUp: number
  readonly rounds: number
  readonly round: number
}

const WAYS: ReadonlyArray<Way> = [
  { over: "HTTP, kept", tls: false, kept: true, warmUp: 3_000, rounds: 7, round: 1_300 },
  { over: "TLS, kept", tls: true, kept: true, warmUp: 2_500, rounds: 5, round: 1_300 },
  // A handshake each: hundreds a second.
  { over: "TLS, one each", tls: true, kept: false, warmUp: 1_500, rounds: 5, round: 1_300 }
]

export const run = async (
  options: { readonly n?: number | undefined } = {}
): Promise<ReadonlyArray<CallbackRow>> => {
  const n = options.n ?? 1_000
  const certificate = makeCertificate()
  if (certificate === undefined) process.stderr.write("no rows over TLS: there is no openssl\n")
  const load = new Pinned("./CallbackLoad.ts", LOAD_CPU)
  try {
    const plain = await measureAll(
      load,
      [
        ["bare node:http", "./BareHttp.ts", [], []],
        ["ENS: MAC and reader", "./CallbackServer.ts", [`${n}`], FLAGS],
        ["ENS: the whole service", "./ServiceServer.ts", [`${n}`], FLAGS]
      ],
      WAYS.filter(({ tls }) => !tls),
      n
    )
    return certificate === undefined ? plain : [...plain, ...(await overTls(load, n, certificate))]
  } finally {
    load.stop()
  }
}

const overTls = (load: Pinned, n: number, { certFile, keyFile }: BenchCertificate) =>
  measureAll(
    load,
    [
      ["bare node:https", "./BareHttps.ts", [certFile, keyFile], []],
      ["ENS: the whole service", "./ServiceServer.ts", [`${n}`, certFile, keyFile], FLAGS]
    ],
    WAYS.filter(({ tls }) => tls),
    n
  )

/** The first server is the bare one, with which the others are compared. */
type ServerFile = readonly [
  name: string,
  file: string,
  args: ReadonlyArray<string>,
  flags: ReadonlyArray<string>
]

/** Servers take turns within each round, so that what disturbs the machine disturbs all of them. */
const measureAll = async (
  load: Pinned,
  files: ReadonlyArray<ServerFile>,
  ways: ReadonlyArray<Way>,
  n: number
): Promise<ReadonlyArray<CallbackRow>> => {
  const children = files.map(([, file, args, flags]) => new Pinned(file, SERVER_CPU, args, flags))
  try {
    const servers: Array<Server> = []
    for (const [index, child] of children.entries()) {
      servers.push({ server: files[index]![0], child, ready: await child.next<ServerReady>() })
    }
    // The bare one knows no URLs, and gets ones as long as the others'.
    const targets = servers[1]!.ready.targets
    const rows: Array<CallbackRow> = []
    for (const way of ways) {
      const contenders = servers.map((server): Contender => ({ ...server, targets, rounds: [] }))
      for (const contender of contenders) await measure(load, contender, way, way.warmUp)
      for (let round = 0; round < way.rounds; round++) {
        for (const contender of contenders) {
          contender.rounds.push(await measure(load, contender, way, way.round))
        }
      }
      rows.push(...contenders.map((contender) => rowOf(contender, contenders[0]!, way, n)))
    }
    return rows
  } finally {
    for (const child of children) child.stop()
  }
}

interface Server {
  readonly server: string
  readonly child: Pinned
  readonly ready: ServerReady
}

interface Contender extends Server {
  readonly targets: ReadonlyArray<string>
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
  { child, ready, targets }: Contender,
  { kept, tls }: Way,
  milliseconds: number
): Promise<Round> => {
  const own = ready.targets.length > 0 ? ready.targets : targets
  const order: LoadOrder = {
    port: ready.port,
    targets: own,
    connections: CONNECTIONS,
    milliseconds,
    tls,
    kept
  }
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

const rowOf = ({ rounds, server }: Contender, bare: Contender, { over }: Way, n: number): CallbackRow => {
  const middle = (value: (round: Round, beside: Round) => number) =>
    median(rounds.map((round, index) => value(round, bare.rounds[index]!)))
  return {
    server,
    over,
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
