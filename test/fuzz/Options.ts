import { parseArgs } from "node:util"

/** What a run is asked to be. */
export interface FuzzOptions {
  /** Shared evenly by the targets. */
  readonly minutes: number
  readonly seed: number
  /** Names of targets; none: all. */
  readonly targets: ReadonlyArray<string>
  /** Each target ends after so many inputs, if its time is not over before. */
  readonly inputs: number
  /** Milliseconds of processor time that one input may take. */
  readonly slow: number
  /** Milliseconds after which an input that does not come back is given up. */
  readonly patience: number
  /** New inputs that reached something new go into the corpus. */
  readonly keep: boolean
}

export const USAGE = `npm run fuzz -- [--minutes M] [--target T]… [--seed S] [--inputs N] [--slow MS] [--patience MS] [--keep]

  --minutes   time in all, shared evenly by the targets (default 5)
  --target    only this one; may be given several times (default: all)
  --seed      the same mutations again (default: another one each time)
  --inputs    ends each target after so many inputs (default: when its time is over)
  --slow      milliseconds of processor time that one input may take (default 100)
  --patience  milliseconds after which an input that does not come back is given up (default 10,000)
  --keep      adds inputs that reached new code to test/fuzz/corpus, if nothing of others is in them`

/** Undefined: the arguments make no sense. */
export const readOptions = (args: ReadonlyArray<string>): FuzzOptions | undefined => {
  const text = { type: "string" as const }
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        minutes: text,
        seed: text,
        inputs: text,
        slow: text,
        patience: text,
        target: { type: "string", multiple: true },
        keep: { type: "boolean" }
      },
      strict: true
    })
    const read = {
      minutes: Number(values.minutes ?? 5),
      seed: Number(values.seed ?? Date.now() % 1_000_000),
      inputs: Number(values.inputs ?? Number.MAX_SAFE_INTEGER),
      slow: Number(values.slow ?? 100),
      patience: Number(values.patience ?? 10_000)
    }
    if (!Object.values(read).every((value) => Number.isFinite(value) && value >= 0)) return undefined
    return { ...read, targets: values.target ?? [], keep: values.keep ?? false }
  } catch {
    return undefined
  }
}
