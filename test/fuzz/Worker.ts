import { parentPort, workerData } from "node:worker_threads"
import type { Message } from "./Finding.ts"
import { type Course, fuzz } from "./Fuzzing.ts"
import { InHand } from "./InHand.ts"
import { storedInputs } from "./Inputs.ts"
import { targetNamed } from "./Targets.ts"

/** What a worker is given. */
export interface Work {
  readonly memory: SharedArrayBuffer
  readonly targets: ReadonlyArray<string>
  readonly course: Course
}

const { course, memory, targets } = workerData as Work
const tell = (message: Message) => parentPort?.postMessage(message)
const inHand = new InHand(memory)

for (const name of targets) {
  tell({ _tag: "Begun", target: name })
  const target = await targetNamed(name)
  tell({ _tag: "Done", figures: await fuzz(target, storedInputs(name), course, inHand, tell) })
}
