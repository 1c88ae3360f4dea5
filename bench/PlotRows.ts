import { readFile } from "node:fs/promises"
import type { Chart, Series } from "./Plot.ts"

/** What a bench has written with `--json`. */
export interface Measured {
  readonly bench: string
  readonly rows: ReadonlyArray<Readonly<Record<string, unknown>>>
}

export const readMeasured = async (file: string): Promise<Measured> =>
  JSON.parse(await readFile(file, "utf8")) as Measured

/**
 * One chart for each of these columns, over `n`. Rows that differ in a text (who was measured) are different lines; rows
 * without the column are left out. Fails if nothing was measured of a column.
 */
export const chartsOf = (
  measured: ReadonlyArray<Measured>,
  columns: ReadonlyArray<string>
): ReadonlyArray<Chart> =>
  columns.map((column) => {
    const series = measured.flatMap(({ bench, rows }) => seriesOf(bench, rows, column))
    if (series.length === 0) throw new Error(`none of the files has a column ${column}`)
    return { title: wordsOf(column), xLabel: "users", yLabel: wordsOf(column), series }
  })

const seriesOf = (bench: string, rows: Measured["rows"], column: string): ReadonlyArray<Series> => {
  const lines = Map.groupBy(
    rows.filter((row) => typeof row["n"] === "number" && typeof row[column] === "number"),
    nameOf
  )
  return [...lines].map(([name, line]) => ({
    name: name || bench,
    points: line
      .map((row) => [Number(row["n"]), Number(row[column])] as const)
      .filter(([n]) => n > 0)
      .sort(([one], [other]) => one - other)
  }))
}

const nameOf = (row: Readonly<Record<string, unknown>>): string =>
  Object.values(row)
    .filter((value) => typeof value === "string")
    .join(", ")

/** `bytesPerActor` as "bytes per actor". */
const wordsOf = (column: string): string =>
  column.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
