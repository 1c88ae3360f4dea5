import { parentPort, workerData } from "node:worker_threads"
import type { Message } from "./Finding.ts"
import { type Course, fuzz } from "./Fuzzing.ts"
import { InHand } from "./InHand.ts"
import { storedInputs } from "./Inputs.ts"
import { targetNamed } from "./Targets.ts"

/** What a worker is given. */
export interface Work {
  readonly memory: SharedArrayBuffer
  readonly target: string
  readonly course: Course
  /** Milliseconds since 1970 when the thread began, from which on the time runs. */
  readonly begunAt: number
}

const { begunAt, course, memory, target } = workerData as Work
const tell = (message: Message) => parentPort?.postMessage(message)
const loaded = await targetNamed(target)
const left = { ...course, time: Math.max(0, course.time - (Date.now() - begunAt)) }
tell({ _tag: "Done", figures: await fuzz(loaded, storedInputs(target), left, new InHand(memory), tell) })
