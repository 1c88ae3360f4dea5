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

/** Fuzzes the targets one after the other, in a thread that may hang or die: then the next one goes on with the others. */
export const runFuzz = async (
  targets: ReadonlyArray<string>,
  options: FuzzOptions,
  onMessage: (message: Message) => void
): Promise<Outcome> => {
  const figures: Array<Figures> = []
  const findings: Array<Finding> = []
  let left = [...targets]
  while (left.length > 0) {
    const begun = await work(left, targets.length, options, (message) => {
      if (message._tag === "Done") figures.push(message.figures)
      if (message._tag === "Finding") findings.push(message.finding)
      if (message._tag === "Kept" && options.keep) keepInput(message.target, message.input)
      onMessage(message)
    })
    left = left.slice(begun)
  }
  return { figures, findings }
}

/** Answers how many targets were begun. */
const work = (
  targets: ReadonlyArray<string>,
  share: number,
  { inputs, minutes, patience, seed, slow }: FuzzOptions,
  tell: (message: Message) => void
): Promise<number> => {
  const inHand = new InHand()
  const course = { seed, inputs, slow, time: (minutes * 60_000) / share }
  const workerData: Work = { memory: inHand.memory, targets, course }
  const worker = new Worker(new URL("./Worker.ts", import.meta.url), { workerData })
  let begun = 0
  let ended = false
  let turn = inHand.turn
  let since = performance.now()

  const lost = (kind: "hang" | "crash", what: string) => {
    if (ended) return
    ended = true
    const target = targets[Math.max(0, begun - 1)] ?? ""
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
    worker.on("message", (message: Message) => {
      if (message._tag === "Begun") begun++
      tell(message)
    })
    worker.on("error", (error) => lost("crash", error instanceof Error ? (error.stack ?? "") : String(error)))
    worker.on("exit", (code) => {
      clearInterval(watch)
      if (code !== 0) lost("crash", `the thread ended with ${code}`)
      // One that could not even begin would be begun for ever.
      resolve(Math.max(1, begun))
    })
  })
}
