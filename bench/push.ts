import { Pinned } from "./peers/Pinned.ts"
import type { PushOrder, PushResult, PushServerReady, PushService, PushWay } from "./peers/PushLoad.ts"

export const name = "push"
export const about =
  "notifications over loopback, each client alone on one core; over = CPU time per notification beyond the bare client's beside it, stage = beyond our gateway's alone"

export interface PushRow {
  readonly service: PushService
  readonly client: string
  /** Notifications under way at a time: not more than the gateway has slots, so that no batches form. */
  readonly n: number
  readonly notificationsPerSecond: number
  /** Of the bare client in the same round; the median over the rounds. */
  readonly ratio: number
  /** CPU time of the client's process for a notification, all its threads. */
  readonly cpuMicroseconds: number
  readonly overMicroseconds: number
  readonly stageMicroseconds: number | undefined
}

const ROUNDS = 8
const ROUND = 1_000
const WARM_UP = 2_500
const CLIENT_CPU = 0
const SERVER_CPU = 1

/** The service, the client that our gateway uses, and how many requests our gateway has under way at most. */
const SERVICES: ReadonlyArray<readonly [PushService, string, number]> = [
  ["none", "nothing", 100],
  ["log", "appendFile", 1],
  ["cns", "undici", 4],
  ["apns", "node:http2", 100],
  ["fcm", "firebase-admin", 100],
  ["sns", "AWS SDK", 100]
]

/** One service after the other; its clients take turns, so that what disturbs the machine disturbs all of them. */
export const run = async (
  options: { readonly n?: number | undefined } = {}
): Promise<ReadonlyArray<PushRow>> => {
  const rows: Array<PushRow> = []
  for (const [service, client, slots] of SERVICES) {
    rows.push(...(await measureService(service, client, Math.min(options.n ?? 16, slots))))
  }
  return rows
}

const measureService = async (
  service: PushService,
  client: string,
  n: number
): Promise<ReadonlyArray<PushRow>> => {
  const server = new Pinned("./PushServer.ts", SERVER_CPU, [service])
  const contenders: Array<Contender> = []
  try {
    const ready = await server.next<PushServerReady>()
    const ways: ReadonlyArray<readonly [PushWay, string]> = [
      ["bare", `${client} alone`],
      ["gateway", "ENS: gateway"],
      ["stage", "ENS: stage and gateway"],
      ...(service === "apns" ? [["library", "@parse/node-apn alone"] as const] : [])
    ]
    for (const [way, name] of ways) {
      const args = [service, way, JSON.stringify(ready)]
      contenders.push({ name, child: new Pinned("./PushClient.ts", CLIENT_CPU, args), rounds: [] })
    }
    for (const { child } of contenders) await child.next()
    for (const contender of contenders) await measure(contender, n, WARM_UP)
    for (let round = 0; round < ROUNDS; round++) {
      for (const contender of contenders) contender.rounds.push(await measure(contender, n, ROUND))
    }
    return contenders.map((contender) => rowOf(service, contender, contenders, n))
  } finally {
    for (const { child } of contenders) child.stop()
    server.stop()
  }
}

interface Contender {
  readonly name: string
  readonly child: Pinned
  readonly rounds: Array<Round>
}

interface Round {
  readonly rate: number
  readonly cpu: number
}

const measure = async ({ child }: Contender, n: number, milliseconds: number): Promise<Round> => {
  const order: PushOrder = { atATime: n, milliseconds }
  const result = await child.ask<PushResult>(order)
  return { rate: (result.sent / result.milliseconds) * 1000, cpu: result.cpu / result.sent }
}

const rowOf = (
  service: PushService,
  contender: Contender,
  [bare, gateway, stage]: ReadonlyArray<Contender>,
  n: number
): PushRow => {
  const beside = (other: Contender, value: (round: Round, beside: Round) => number) =>
    median(contender.rounds.map((round, index) => value(round, other.rounds[index]!)))
  return {
    service,
    client: contender.name,
    n,
    notificationsPerSecond: Math.round(median(contender.rounds.map(({ rate }) => rate))),
    ratio: hundredths(beside(bare!, (round, other) => round.rate / other.rate)),
    cpuMicroseconds: hundredths(median(contender.rounds.map(({ cpu }) => cpu))),
    overMicroseconds: hundredths(beside(bare!, (round, other) => round.cpu - other.cpu)),
    stageMicroseconds:
      contender === stage ? hundredths(beside(gateway!, (round, other) => round.cpu - other.cpu)) : undefined
  }
}

const median = (values: ReadonlyArray<number>): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

const hundredths = (value: number): number => Math.round(value * 100) / 100
