import { parseArgs } from "node:util"

/** What a run is asked to be. */
export interface ChaosOptions {
  /** How long things go wrong; healing comes on top. */
  readonly minutes: number
  /** How many faults there are at most (default: as many as fit into the time). */
  readonly steps?: number
  readonly seed: number
  readonly users: number
  /** Mails a second. */
  readonly rate: number
  /** Milliseconds of one of Exchange's minutes: the whole world's clock is shortened by it. */
  readonly minute: number
  /** Minutes of silence after which a subscription is overdue (default 30); more than 15. */
  readonly check?: number
  readonly json?: string | undefined
  /** Where the service's log and the database are kept. */
  readonly folder?: string | undefined
}

export const USAGE = `npm run chaos -- [--minutes M] [--seed S] [--users N] [--rate R] [--minute MS] [--json FILE] [--folder DIR]

  --minutes   how long things go wrong (default 5)
  --seed      the same faults in the same order again (default: another one each time)
  --users     mailboxes, with 1.6 phones each (default 3,000)
  --rate      mails a second (default 20)
  --minute    milliseconds of one of Exchange's minutes (default 2,000)
  --json      writes the report there as well
  --folder    keeps the service's data and log there (default: a new one in the temporary directory)`

/** Undefined: the arguments make no sense. */
export const readOptions = (args: ReadonlyArray<string>): ChaosOptions | undefined => {
  const flags = ["minutes", "seed", "users", "rate", "minute", "json", "folder"] as const
  const options = Object.fromEntries(flags.map((flag) => [flag, { type: "string" as const }]))
  try {
    const { values } = parseArgs({ args: [...args], options, strict: true })
    const number = (name: string, otherwise: number) => Number(values[name] ?? otherwise)
    const read = {
      minutes: number("minutes", 5),
      seed: number("seed", Date.now() % 1_000_000),
      users: number("users", 3000),
      rate: number("rate", 20),
      minute: number("minute", 2000)
    }
    if (!Object.values(read).every((value) => Number.isFinite(value) && value >= 0)) return undefined
    if (read.users < 1 || read.minute < 100) return undefined
    return { ...read, json: textOf(values["json"]), folder: textOf(values["folder"]) }
  } catch {
    return undefined
  }
}

const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined)
