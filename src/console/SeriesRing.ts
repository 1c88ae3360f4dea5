import type { Series } from "../../schemas/ConsoleApi.ts"

/** What the charts show, with units, in this order. */
export const LINES = [
  { name: "callbacks", unit: "1/s" },
  { name: "mails", unit: "1/s" },
  { name: "pushes", unit: "1/s" },
  { name: "pushFailures", unit: "1/s" },
  { name: "ewsMedianMilliseconds", unit: "ms" },
  { name: "ewsErrors", unit: "1/s" },
  { name: "eventLoopMilliseconds", unit: "ms" },
  { name: "outboxOldest", unit: "s" },
  { name: "subscriptions", unit: "" }
] as const
export type LineName = (typeof LINES)[number]["name"]

/** One measurement of everything; null where nothing was measured. */
export type Point = Readonly<Record<LineName, number | null>>

/** The last points, in columns that were made once and never grow. */
export class SeriesRing {
  readonly #step: number
  readonly #at: Float64Array
  readonly #columns: ReadonlyArray<Float64Array>
  #points = 0

  /** `step`: seconds between two points; `length`: so many are kept. */
  constructor(step: number, length: number) {
    this.#step = step
    this.#at = new Float64Array(length)
    this.#columns = LINES.map(() => new Float64Array(length))
  }

  /** `at`: milliseconds since 1970. */
  add(at: number, point: Point): void {
    const place = this.#points % this.#at.length
    this.#at[place] = at
    for (const [index, { name }] of LINES.entries()) {
      this.#columns[index]![place] = point[name] ?? Number.NaN
    }
    this.#points += 1
  }

  get series(): Series {
    return {
      step: this.#step,
      at: this.#oldestFirst(this.#at),
      lines: LINES.map(({ name, unit }, index) => ({
        name,
        unit,
        values: this.#oldestFirst(this.#columns[index]!).map((value) => (Number.isNaN(value) ? null : value))
      }))
    }
  }

  #oldestFirst(column: Float64Array): ReadonlyArray<number> {
    const from = Math.max(0, this.#points - column.length)
    return Array.from({ length: this.#points - from }, (_, n) => column[(from + n) % column.length]!)
  }
}
