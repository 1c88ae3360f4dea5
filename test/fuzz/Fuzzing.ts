import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Random } from "../chaos/Random.ts"
import { Coverage } from "./Coverage.ts"
import type { Figures, Message } from "./Finding.ts"
import type { InHand } from "./InHand.ts"
import { mutated } from "./Mutator.ts"
import { Broken, type Seed, type Target } from "./Target.ts"

/** How one target is to be fuzzed. */
export interface Course {
  readonly seed: number
  /** Milliseconds. */
  readonly time: number
  readonly inputs: number
  /** Milliseconds of processor time. */
  readonly slow: number
}

/**
 * Runs a target on mutations of its seeds, and of inputs that reached what none before them did. Ends when the time or the
 * inputs are over, or after `FINDINGS_MAX` findings.
 */
export const fuzz = async (
  target: Target,
  stored: ReadonlyArray<Seed>,
  course: Course,
  inHand: InHand,
  tell: (message: Message) => void
): Promise<Figures> => {
  const random = new Random(course.seed)
  const corpus: Array<Seed> = [...target.seeds(), ...stored]
  const seeds = corpus.length
  const coverage = new Coverage()
  const startedAt = performance.now()
  const known = new Set<string>()
  let inputs = 0
  let slowest = 0
  let slowestBytes = 0

  const report = (kind: "broken" | "thrown" | "slow" | "memory", what: string, input: Buffer) => {
    const name = `${kind} ${what.replace(/\d+/g, "#").slice(0, 120)}`
    if (known.has(name)) return
    known.add(name)
    tell({ _tag: "Finding", finding: { target: target.name, kind, what, input } })
  }

  /** Milliseconds. */
  const once = async (input: Buffer): Promise<number> => {
    inHand.begin(input)
    const before = performance.now()
    try {
      const running = target.run(input)
      if (running !== undefined) await running
    } catch (error) {
      const kind = error instanceof Broken ? "broken" : "thrown"
      report(kind, error instanceof Error ? (error.stack ?? error.message) : String(error), input)
    }
    const taken = performance.now() - before
    inHand.end()
    return taken
  }

  /** What else the machine does, a collection of garbage or compiling, is not the input's fault: the best of three counts. */
  const timed = async (input: Buffer) => {
    let least = Number.POSITIVE_INFINITY
    for (let go = 0; go < 3; go++) {
      const before = process.threadCpuUsage()
      await once(input)
      const { system, user } = process.threadCpuUsage(before)
      least = Math.min(least, (system + user) / 1000)
    }
    if (least > slowest) {
      slowest = least
      slowestBytes = input.length
    }
    if (least > course.slow) report("slow", `takes ${Math.round(least)} ms`, input)
  }

  const run = async (input: Buffer) => {
    inputs++
    if ((await once(input)) > Math.max(slowest, WORTH_TIMING)) await timed(input)
  }

  const warmUp = Math.min(10_000, Math.floor(course.inputs / 10))
  const isOver = () =>
    inputs >= course.inputs || performance.now() - startedAt >= course.time || known.size >= FINDINGS_MAX

  coverage.start()
  for (const { bytes } of corpus) await run(bytes)
  coverage.isNew()
  let heapBefore = 0
  /** How many inputs are still to be looked at one by one. */
  let window = 0
  while (!isOver()) {
    const parent = random.pick(corpus)
    let isOwn = parent.own
    const bytes = mutated(random, parent.bytes, {
      form: target.form,
      words: target.words,
      longest: target.longest ?? LONGEST,
      other: () => {
        const other = random.pick(corpus)
        isOwn &&= other.own
        return other.bytes
      }
    })
    if (window === 0 && coverage.spent < LOOKING * (performance.now() - startedAt)) {
      coverage.forget()
      window = WINDOW
    }
    await run(bytes)
    if (inputs === warmUp) heapBefore = heapUsed() - bytesIn(corpus)
    if (window > 0) {
      window--
      if (coverage.isNew() && bytes.length <= KEPT_BYTES_MAX && corpus.length < CORPUS_MAX) {
        // A copy: it may be a piece of something much longer.
        corpus.push({ bytes: Buffer.from(bytes), own: isOwn })
        if (isOwn) tell({ _tag: "Kept", target: target.name, input: bytes })
      }
    }
    // Lets messages out, and the collector of garbage have what only a turn of the loop lets go.
    if (inputs % 1_024 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  coverage.stop()
  const heapAfter = heapUsed() - bytesIn(corpus)
  if (heapBefore > 0 && inputs >= 2 * warmUp && heapAfter - heapBefore > GROWTH_MAX) {
    report("memory", `${heapAfter - heapBefore} bytes more after ${inputs} inputs`, Buffer.alloc(0))
  }
  return {
    target: target.name,
    inputs,
    seconds: (performance.now() - startedAt) / 1000,
    seeds,
    corpus: corpus.length,
    reached: coverage.size,
    slowest,
    slowestBytes,
    heapBefore,
    heapAfter
  }
}

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

/** Bytes of this thread's heap and of the buffers that hang on it. */
const heapUsed = (): number => {
  for (let round = 0; round < 3; round++) collect()
  const { arrayBuffers, heapUsed: used } = process.memoryUsage()
  return used + arrayBuffers
}

const bytesIn = (corpus: ReadonlyArray<Seed>): number =>
  corpus.reduce((sum, { bytes }) => sum + bytes.length, 0)

const FINDINGS_MAX = 10
const LONGEST = 16_384
const KEPT_BYTES_MAX = 32_768
const CORPUS_MAX = 3_000
/** The part of the time that looking at coverage may take: each look takes some milliseconds, many times an input's own. */
const LOOKING = 0.3
/** Inputs that are looked at in a row. */
const WINDOW = 32
/** Milliseconds of wall time below which nobody asks for the processor's. */
const WORTH_TIMING = 5
/** Bytes. Less is what caches of a fixed size, compiled code and the notes of coverage take. */
const GROWTH_MAX = 8 * 1024 * 1024
