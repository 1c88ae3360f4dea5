import type { EwsOrder, EwsResult, EwsServerReady } from "./peers/EwsLoad.ts"
import { Pinned } from "./peers/Pinned.ts"

export const name = "ews"
export const about =
  "GetItem by https, each client alone on one core, 16 calls at a time: over kept connections, or, where the log-in clings to it, over one each; ratio = calls per second against undici alone asking the same server beside it as often and over as many"

export interface EwsRow {
  /** The sandbox's Exchange, or answers made beforehand: all that is left is what the client costs. */
  readonly server: string
  readonly client: string
  /** Calls under way at a time. */
  readonly n: number
  readonly callsPerSecond: number
  /** Of undici alone at the same server in the same round; the median over the rounds. */
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
  const servers = SERVERS.map((place) => ({
    place,
    child: new Pinned(place.file, SERVER_CPU, place.args ?? [])
  }))
  const contenders: Array<Contender> = []
  try {
    for (const { child, place } of servers) {
      contenders.push(...contendersAt(place, await child.next<EwsServerReady>()))
    }
    for (const { child } of contenders) await child.next()
    const order = ({ ready }: Contender, milliseconds: number): EwsOrder => ({
      server: ready,
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
      const alone = contenders.find(({ server }) => server === contender.server)!
      return rowOf(contender, alone, n)
    })
  } finally {
    for (const { child } of [...contenders, ...servers]) child.stop()
  }
}

interface Place {
  readonly server: string
  readonly file: string
  readonly args?: ReadonlyArray<string>
  /** The one that the others are compared with comes first. */
  readonly clients: ReadonlyArray<readonly [client: string, file: string, ...args: ReadonlyArray<string>]>
}

const WITHOUT_TIES: Place["clients"] = [
  ["undici alone", "./UndiciLoad.ts"],
  ["ENS, Basic", "./EnsLoad.ts", "Basic"],
  ["ENS, Bearer", "./EnsLoad.ts", "OAuth"]
]

const SERVERS: ReadonlyArray<Place> = [
  { server: "Exchange stand-in", file: "./ExchangeServer.ts", clients: WITHOUT_TIES },
  { server: "ready-made answer", file: "./ReadyMadeExchange.ts", clients: WITHOUT_TIES },
  {
    server: "ready-made answers, NTLM",
    file: "./LogInExchange.ts",
    args: ["NTLM"],
    clients: [
      ["undici alone, two requests on a connection each", "./UndiciLoad.ts", "NTLM"],
      ["ENS, NTLM", "./EnsLoad.ts", "NTLM"]
    ]
  },
  {
    server: "ready-made answers, certificate",
    file: "./LogInExchange.ts",
    args: ["Certificate"],
    clients: [
      ["undici alone, a connection each", "./UndiciLoad.ts", "Certificate"],
      ["ENS, certificate", "./EnsLoad.ts", "Certificate"]
    ]
  }
]

const contendersAt = ({ clients, server }: Place, ready: EwsServerReady): ReadonlyArray<Contender> =>
  clients.map(([client, file, ...args]) => ({
    server,
    ready,
    client,
    child: new Pinned(file, CLIENT_CPU, args),
    rounds: []
  }))

interface Contender {
  readonly server: EwsRow["server"]
  readonly ready: EwsServerReady
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

const rowOf = ({ client, rounds, server }: Contender, alone: Contender, n: number): EwsRow => {
  const middle = (value: (round: Round, beside: Round) => number) =>
    median(rounds.map((round, index) => value(round, alone.rounds[index]!)))
  return {
    server,
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
