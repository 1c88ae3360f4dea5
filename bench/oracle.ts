import { execFile } from "node:child_process"
import { generateKeyPairSync, randomBytes } from "node:crypto"
import { mkdtemp, rm } from "node:fs/promises"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { freePort } from "./peers/FreePort.ts"
import { type OneAnswer, OneConnection } from "./peers/OneConnection.ts"
import { CLASSES, type OracleKeys, type OracleRequest, publicKeyOf } from "./peers/OraclePayloads.ts"
import { RunningService } from "./peers/RunningService.ts"
import { compare, mean } from "./peers/TwoSamples.ts"

export const name = "oracle"
export const about =
  "whether answers to registrations tell what is wrong with a payload: code, headers, body and time of each kind against the first; exit code 1 if any does"

export interface OracleRow {
  readonly payload: string
  readonly n: number
  /** Different answers to all payloads of all kinds so far; dates left out. */
  readonly answers: number
  readonly meanMicroseconds: number
  readonly differenceMicroseconds: number
  readonly t: number
  readonly p: number
  readonly croppedT: number
  readonly z: number
  readonly verdict: "reference" | "alike" | "TOLD APART" | "refused at once"
}

/** Beyond it a difference counts as found. */
const THRESHOLD = 4.5
const WARM_UP = 200
/** The service ends a connection after some thousands. */
const PER_CONNECTION = 1_000

/** `n`: payloads of each kind. */
export const run = async ({ n = 2_000 }: { readonly n?: number | undefined } = {}) => {
  const directory = await mkdtemp(join(tmpdir(), "ens-bench-"))
  try {
    const rows = await measured(directory, n)
    if (rows.some(({ verdict }) => verdict === "TOLD APART")) process.exitCode = 1
    return rows
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const measured = async (directory: string, n: number): Promise<ReadonlyArray<OracleRow>> => {
  const token = await makeToken(directory)
  const port = await freePort()
  const service = await RunningService.start({
    directory,
    port,
    cpu: availableParallelism() - 1,
    environment: {
      ENS_KEYPOOL_BATCH: "1",
      ENS_KEYPOOL_THRESHOLD: "1",
      ENS_LIMIT_ADDRESS: "off",
      ENS_LIMIT_FAILED: "off",
      ENS_LIMIT_TOKEN: "off",
      ENS_LIMIT_USER: "off"
    }
  })
  try {
    const order = inRandomOrder(await OneConnection.use(port, token, keysOf), n)
    const results = new Results()
    for (let at = 0; at < order.length; at += PER_CONNECTION) {
      const part = order.slice(at, at + PER_CONNECTION)
      await OneConnection.use(port, token, (connection) => askAll(connection, part, results))
    }
    return rowsOf(results, n)
  } finally {
    await service.stop()
  }
}

interface Asked extends OracleRequest {
  /** Index in `CLASSES`. */
  readonly kind: number
  readonly isWarmUp: boolean
}

/** All made before the first is sent, those for warming up first. */
const inRandomOrder = (keys: OracleKeys, n: number): ReadonlyArray<Asked> =>
  CLASSES.flatMap(({ make }, kind) =>
    Array.from({ length: n + WARM_UP }, (_, at) => ({ kind, isWarmUp: at < WARM_UP, ...make(keys) }))
  )
    .map((one) => ({ one, at: one.isWarmUp ? Math.random() - 1 : Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ one }) => one)

/** By kind: times in microseconds, and answers. */
class Results {
  readonly times: ReadonlyArray<Array<number>> = CLASSES.map(() => [])
  readonly answers = CLASSES.map(() => new Set<string>())
}

/** One after the other. */
const askAll = async (connection: OneConnection, order: ReadonlyArray<Asked>, results: Results) => {
  for (const { isWarmUp, kind, payload, userId } of order) {
    const { answer, microseconds } = await register(connection, userId, payload)
    if (!answer.includes('"responseCode":34,')) throw new Error(`not refused for its payload: ${answer}`)
    results.answers[kind]!.add(answer)
    if (!isWarmUp) results.times[kind]!.push(microseconds)
  }
}

const rowsOf = ({ answers, times }: Results, n: number) => {
  const all = new Set<string>()
  const reference = times[0]!
  return CLASSES.map(({ judged, name }, kind): OracleRow => {
    for (const answer of answers[kind]!) all.add(answer)
    const comparison = compare(reference, times[kind]!)
    const { croppedT, difference, p, t, z } = comparison
    const isAlike = [t, croppedT, z].every((score) => Math.abs(score) <= THRESHOLD)
    const told = all.size > 1 || (judged && !isAlike)
    return {
      payload: name,
      n,
      answers: all.size,
      meanMicroseconds: mean(times[kind]!),
      differenceMicroseconds: difference,
      t,
      p,
      croppedT,
      z,
      verdict: told ? "TOLD APART" : kind === 0 ? "reference" : judged ? "alike" : "refused at once"
    }
  })
}

const register = (connection: OneConnection, userId: string, payload: string): Promise<OneAnswer> =>
  connection.post("registerdevicev2", {
    userId,
    deviceToken: "a".repeat(64),
    deviceType: "iOS",
    bundleId: "com.example.mail",
    authType: "Basic",
    ewsUrl: EWS_URL,
    payload
  })

const keysOf = async (connection: OneConnection): Promise<OracleKeys> => {
  const userId = randomBytes(32).toString("hex")
  const { answer } = await connection.post("getpublickey", { userId })
  const { publicKey } = JSON.parse(answer.slice(answer.indexOf("{"))) as { publicKey: string }
  const stranger = generateKeyPairSync("rsa", { modulusLength: 2048 })
  return { userId, publicKey: publicKeyOf(publicKey), strangerKey: stranger.publicKey }
}

const makeToken = async (directory: string): Promise<string> => {
  const main = fileURLToPath(new URL("../src/main.ts", import.meta.url))
  const parameters = ["token", "create", "--label", "bench", "--ews-url", EWS_URL, "--json"]
  const { stdout } = await promisify(execFile)(process.execPath, [main, ...parameters], {
    env: { ...process.env, ENS_DATA_DIR: directory }
  })
  return (JSON.parse(stdout) as { token: string }).token
}

/** Nobody is asked there: no payload gets so far. */
const EWS_URL = "https://mail.example.com/EWS/Exchange.asmx"
