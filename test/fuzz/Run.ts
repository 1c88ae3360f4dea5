import { Worker } from "node:worker_threads"
import type { Figures, Finding, Message } from "./Finding.ts"
import { InHand } from "./InHand.ts"
import { keepInput } from "./Inputs.ts"
import type { FuzzOptions } from "./Options.ts"
import type { Work } from "./Worker.ts"

/** What a run has come to. */
export interface Outcome {
  readonly figures: ReadonlyArray<Figures>
  readonly findings: ReadonlyArray<Finding>
}

/** Fuzzes the targets one after the other. */
export const runFuzz = async (
  targets: ReadonlyArray<string>,
  options: FuzzOptions,
  onMessage: (message: Message) => void
): Promise<Outcome> => {
  const figures: Array<Figures> = []
  const findings: Array<Finding> = []
  for (const target of targets) {
    await fuzzOne(target, (options.minutes * 60_000) / targets.length, options, (message) => {
      if (message._tag === "Done") figures.push(message.figures)
      if (message._tag === "Finding") findings.push(message.finding)
      if (message._tag === "Kept" && options.keep) keepInput(message.target, message.input)
      onMessage(message)
    })
  }
  return { figures, findings }
}

/**
 * In a thread of its own, because it may hang or die, and because V8 tells nothing more of code that a target before it has
 * had optimised.
 */
const fuzzOne = (
  target: string,
  time: number,
  { inputs, patience, seed, slow }: FuzzOptions,
  tell: (message: Message) => void
): Promise<void> => {
  const inHand = new InHand()
  const course = { seed, inputs, slow, time }
  const workerData: Work = { memory: inHand.memory, target, course, begunAt: Date.now() }
  const worker = new Worker(new URL("./Worker.ts", import.meta.url), { workerData })
  let ended = false
  let turn = inHand.turn
  let since = performance.now()

  const lost = (kind: "hang" | "crash", what: string) => {
    if (ended) return
    ended = true
    tell({ _tag: "Finding", finding: { target, kind, what, input: inHand.input } })
  }
  const watch = setInterval(() => {
    if (inHand.turn !== turn || turn % 2 === 0) {
      turn = inHand.turn
      since = performance.now()
    } else if (performance.now() - since > patience) {
      lost("hang", `does not come back within ${patience} ms`)
      void worker.terminate()
    }
  }, 50)

  return new Promise((resolve) => {
    worker.on("message", tell)
    worker.on("error", (error) => lost("crash", error instanceof Error ? (error.stack ?? "") : String(error)))
    worker.on("exit", (code) => {
      clearInterval(watch)
      if (code !== 0) lost("crash", `the thread ended with ${code}`)
      resolve()
    })
  })
}
