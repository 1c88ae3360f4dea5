import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { ServerReady, ServerUsage } from "./peers/BenchServer.ts"
import {
  LOG_INS,
  type LogInKind,
  type MailOrder,
  type MailResult,
  type MailWorld
} from "./peers/MailWorld.ts"
import { Pinned } from "./peers/Pinned.ts"
import { devicesOf } from "./peers/Population.ts"

export const name = "mail"
export const about =
  "new mails over loopback: callback, log-in out of the URL, GetItem, push, OK; each server alone on one core, ratio against the same as one plain script beside it"

export interface MailRow {
  readonly logIn: LogInKind
  readonly server: "plain script" | "ENS"
  /** Users whose mails come, in turn. */
  readonly n: number
  readonly mailsPerSecond: number
  /** Of the plain script in the same round; the median over the rounds. Where the stand-ins are at their limit, it says too much. */
  readonly ratio: number
  /** CPU time of the server's process for a mail, all its threads. */
  readonly cpuMicroseconds: number
  /** The same by CPU time: the script's through this one's. Hardly moved by what else the machine does. */
  readonly cpuRatio: number
  /** From callback to OK at `LATENCY_RATE` mails a second, that of the stand-ins included. */
  readonly p50Milliseconds: number
  readonly p99Milliseconds: number
}

const ROUNDS = 6
const ROUND = 1_500
/** The service has much more code to warm up than a script. */
const WARM_UP = 10_000
const CONNECTIONS = 16
/** Mails a second of 100,000 users, and for how long the latency is taken. */
const LATENCY_RATE = 300
const LATENCY_ROUND = 4_000
const SERVER_CPU = 0
const OUTSIDE_CPU = 1

/** One kind of log-in after the other; servers take turns within each round. */
export const run = async (
  options: { readonly n?: number | undefined } = {}
): Promise<ReadonlyArray<MailRow>> => {
  const rows: Array<MailRow> = []
  for (const logIn of LOG_INS) rows.push(...(await measureLogIn(logIn, options.n ?? 1_000)))
  return rows
}

/** Both servers with users of one kind. */
export const measureLogIn = async (logIn: LogInKind, n: number): Promise<ReadonlyArray<MailRow>> => {
  const directory = mkdtempSync(join(tmpdir(), "ens-bench-"))
  const file = join(directory, "world.json")
  const outside = new Pinned("./MailOutside.ts", OUTSIDE_CPU, [logIn, `${n}`])
  const contenders: Array<Contender> = []
  try {
    writeFileSync(file, JSON.stringify(await outside.next<MailWorld>()))
    for (const [server, script] of SERVERS) {
      const child = new Pinned(script, SERVER_CPU, [file])
      const contender = { server, child, rounds: [] }
      contenders.push({ ...contender, ready: await child.next<ServerReady>() })
    }
    for (const contender of contenders) await measure(outside, contender, WARM_UP)
    for (let round = 0; round < ROUNDS; round++) {
      for (const contender of contenders) contender.rounds.push(await measure(outside, contender, ROUND))
    }
    const rows: Array<MailRow> = []
    for (const contender of contenders) {
      const { p50, p99 } = await measure(outside, contender, LATENCY_ROUND, LATENCY_RATE)
      rows.push({
        logIn,
        n,
        ...summary(contender, contenders[0]!),
        p50Milliseconds: hundredths(p50),
        p99Milliseconds: hundredths(p99)
      })
    }
    return rows
  } finally {
    for (const { child } of contenders) child.stop()
    outside.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** The one that the other is compared with comes first. */
const SERVERS = [
  ["plain script", "./PlainScript.ts"],
  ["ENS", "./MailServer.ts"]
] as const

interface Contender {
  readonly server: MailRow["server"]
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
  outside: Pinned,
  { child, ready, server }: Contender,
  milliseconds: number,
  rate?: number
): Promise<Round> => {
  const order: MailOrder = { ...ready, connections: CONNECTIONS, milliseconds, rate }
  const before = await child.ask<ServerUsage>({})
  const result = await outside.ask<MailResult>(order)
  const after = await child.ask<ServerUsage>({})
  const perMail = ready.targets.reduce((sum, _, index) => sum + devicesOf(index), 0) / ready.targets.length
  if (result.notifications < 0.9 * perMail * result.mails) {
    throw new Error(
      `${server}: only ${result.notifications} notifications with details for ${result.mails} mails`
    )
  }
  return {
    rate: (result.mails / result.milliseconds) * 1000,
    cpu: (after.cpu - before.cpu) / result.mails,
    p50: result.p50,
    p99: result.p99
  }
}

const summary = ({ rounds, server }: Contender, plain: Contender) => {
  const middle = (value: (round: Round, beside: Round) => number) =>
    median(rounds.map((round, index) => value(round, plain.rounds[index]!)))
  return {
    server,
    mailsPerSecond: Math.round(middle(({ rate }) => rate)),
    ratio: hundredths(middle(({ rate }, beside) => rate / beside.rate)),
    cpuMicroseconds: Math.round(middle(({ cpu }) => cpu)),
    cpuRatio: hundredths(middle(({ cpu }, beside) => beside.cpu / cpu))
  }
}

const median = (values: ReadonlyArray<number>): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

const hundredths = (value: number): number => Math.round(value * 100) / 100
