import { totalmem } from "node:os"
import { replaceProcess } from "./ReplaceProcess.ts"

/** What decides about the flags of Node. */
export interface Machine {
  /** Bytes that the process may use: the machine's, or what its container is allowed. */
  readonly memory: number
  /** Flags that the operator gave: on the command line and in NODE_OPTIONS, which may have quotes. */
  readonly given: ReadonlyArray<string>
  /** UV_THREADPOOL_SIZE. */
  readonly threads: string | undefined
  /** Node knows how not to open its debugger on SIGUSR1. */
  readonly canStayClosed: boolean
}

/** What Node is to be started with besides; empty: nothing. */
export interface NodeFlags {
  readonly flags: ReadonlyArray<string>
  readonly environment: Readonly<Record<string, string>>
}

/** MiB beside the heap: Node itself, buffers, SQLite, the threads. */
const BESIDE = 128
/** Of the rest, because the kernel caches the database in what is left. */
const SHARE = 0.75
/** MiB: several times what a million users need. */
const MOST = 16 * 1024
const LEAST = 128
/**
 * MiB of each half of the space for young objects. Node takes 64 here: 100 MB more of memory for an idle service, and while
 * subscriptions are loaded pauses of 150 ms in place of 20. Less than 16 makes old objects of young garbage.
 */
const YOUNG = 16
/** Looking up names may use half of the threads. With Node's 4, two dead DNS servers would hold up everybody. */
const THREADS = "16"
const STAY_CLOSED = "--disable-sigusr1"

/** The flags for a machine; never against what the operator said. A pure function. */
export const nodeFlags = ({ canStayClosed, given, memory, threads }: Machine): NodeFlags => {
  const isGiven = (flag: string) =>
    given.some((one) => one.replaceAll('"', "").replaceAll("_", "-").startsWith(flag))
  const heap = Math.floor((memory / 2 ** 20 - BESIDE) * SHARE)
  const flags: Array<string> = []
  if (!isGiven("--max-old-space-size") && !isGiven("--max-heap-size"))
    flags.push(`--max-old-space-size=${Math.min(MOST, Math.max(LEAST, heap))}`)
  if (!isGiven("--max-semi-space-size") && !isGiven("--semi-space"))
    flags.push(`--max-semi-space-size=${YOUNG}`)
  // A debugger reads all of the memory.
  if (canStayClosed && !isGiven(STAY_CLOSED)) flags.push(STAY_CLOSED)
  return { flags, environment: threads === undefined ? { UV_THREADPOOL_SIZE: THREADS } : {} }
}

/**
 * Replaces this process, if it is about to be the service, by one with these flags: same process id, 30 ms. To be called
 * before anything large is loaded. Where processes cannot be replaced, and under a parent that talks to Node over a channel,
 * NODE_OPTIONS stays the operator's business.
 */
export const applyNodeFlags = (argv: ReadonlyArray<string>): void => {
  if (argv[2] !== "start" || process.channel !== undefined) return
  const { environment, flags } = nodeFlags({
    memory: availableMemory(),
    given: [...process.execArgv, ...(process.env["NODE_OPTIONS"] ?? "").split(/\s+/)],
    threads: process.env["UV_THREADPOOL_SIZE"],
    canStayClosed: process.allowedNodeEnvironmentFlags.has(STAY_CLOSED)
  })
  if (flags.length === 0 && Object.keys(environment).length === 0) return
  replaceProcess([...process.execArgv, ...flags, ...argv.slice(1)], { ...process.env, ...environment })
}

/** A container without a limit has 0, or more than there is. */
const availableMemory = (): number => {
  const allowed = process.constrainedMemory()
  return allowed > 0 ? Math.min(allowed, totalmem()) : totalmem()
}
