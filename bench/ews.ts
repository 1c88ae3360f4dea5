import type { EwsOrder, EwsResult } from "./peers/EwsLoad.ts"
import type { StandInReady } from "./peers/EwsStandIn.ts"
import { Pinned } from "./peers/Pinned.ts"

export const name = "ews"
export const about =
  "GetItem calls over 16 kept connections, each client alone on one core; ratio = calls per second against undici alone sending the same beside it"

export interface EwsRow {
  /** Exchange is reached by https; http, which only a listed host on this machine may use, shows the client itself. */
  readonly over: "https" | "http"
  readonly client: string
  /** Calls under way at a time. */
  readonly n: number
  readonly callsPerSecond: number
  /** Of undici alone over the same in the same round; the median over the rounds. */
  readonly ratio: number
  /** CPU time of the client's process, all its threads. */
  readonly cpuMicroseconds: number
  /** The same by CPU time: undici's through this one's. Hardly moved by what else the machine does. */
  readonly cpuRatio: number
}

const ROUNDS = 8
const ROUND = 1_500
const WARM_UP = 3_000
const CLIENT_CPU = 0
const SERVER_CPU = 1

/** Clients take turns within each round, so that what disturbs the machine disturbs all of them. */
export const run = async (
  options: { readonly n?: number | undefined } = {}
): Promise<ReadonlyArray<EwsRow>> => {
  const n = options.n ?? 16
  const standIn = new Pinned("./EwsStandIn.ts", SERVER_CPU)
  const contenders = OVER.flatMap((over) => contendersOver(over))
  try {
    const ready = await standIn.next<StandInReady>()
    for (const { child } of contenders) await child.next()
    const order = ({ over }: Contender, milliseconds: number): EwsOrder => ({
      origin: ready[over],
      ca: ready.ca,
      atATime: n,
      milliseconds
    })
    for (const contender of contenders) await measure(contender, order(contender, WARM_UP))
    for (let round = 0; round < ROUNDS; round++) {
      for (const contender of contenders) {
        contender.rounds.push(await measure(contender, order(contender, ROUND)))
      }
    }
    return contenders.map((contender) => {
      const alone = contenders.find(({ over }) => over === contender.over)!
      return rowOf(contender, alone, n)
    })
  } finally {
    for (const { child } of contenders) child.stop()
    standIn.stop()
  }
}

const OVER = ["https", "http"] as const

/** The one that the others are compared with comes first. */
const contendersOver = (over: EwsRow["over"]): ReadonlyArray<Contender> => [
  { over, client: "undici alone", child: new Pinned("./UndiciLoad.ts", CLIENT_CPU), rounds: [] },
  { over, client: "ENS, Basic", child: new Pinned("./EnsLoad.ts", CLIENT_CPU, ["Basic"]), rounds: [] },
  { over, client: "ENS, Bearer", child: new Pinned("./EnsLoad.ts", CLIENT_CPU, ["OAuth"]), rounds: [] }
]

interface Contender {
  readonly over: EwsRow["over"]
  readonly client: string
  readonly child: Pinned
  readonly rounds: Array<Round>
}

interface Round {
  readonly rate: number
  readonly cpu: number
}

const measure = async ({ child }: Contender, order: EwsOrder): Promise<Round> => {
  const { calls, cpu, milliseconds } = await child.ask<EwsResult>(order)
  return { rate: (calls / milliseconds) * 1000, cpu: cpu / calls }
}

const rowOf = ({ client, over, rounds }: Contender, alone: Contender, n: number): EwsRow => {
  const middle = (value: (round: Round, beside: Round) => number) =>
    median(rounds.map((round, index) => value(round, alone.rounds[index]!)))
  return {
    over,
    client,
    n,
    callsPerSecond: Math.round(middle(({ rate }) => rate)),
    ratio: hundredths(middle(({ rate }, beside) => rate / beside.rate)),
    cpuMicroseconds: hundredths(middle(({ cpu }) => cpu)),
    cpuRatio: hundredths(middle(({ cpu }, beside) => beside.cpu / cpu))
  }
}

const median = (values: ReadonlyArray<number>): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

const hundredths = (value: number): number => Math.round(value * 100) / 100
