import { writeFile } from "node:fs/promises"
import os from "node:os"

/** What the numbers were measured on. */
export const machine = () => ({
  cpu: os.cpus()[0]?.model.trim() ?? "unknown",
  cores: os.availableParallelism(),
  memoryGiB: Math.round(os.totalmem() / 2 ** 30),
  platform: `${os.platform()} ${os.arch()}`,
  node: process.version
})

/** Rows as an aligned table with a heading; columns are the rows' keys in order of appearance. */
export const table = (rows: ReadonlyArray<object>): string => {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const cells = rows.map((row) => {
    const values = new Map<string, unknown>(Object.entries(row))
    return columns.map((column) => show(values.get(column)))
  })
  const lines = [columns, ...cells]
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => line[at]!.length)))
  const isText = columns.map((column) => rows.some((row) => typeof Reflect.get(row, column) === "string"))
  return lines
    .map((line) =>
      line
        .map((cell, at) => (isText[at] ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!)))
        .join("  ")
        .trimEnd()
    )
    .join("\n")
}

/** Writes `{"bench","machine","rows"}`. */
export const writeJson = (file: string, bench: string, rows: ReadonlyArray<object>): Promise<void> =>
  writeFile(file, `${JSON.stringify({ bench, machine: machine(), rows }, null, 2)}\n`)

const show = (value: unknown): string => {
  if (value === undefined || value === null) return "-"
  if (typeof value !== "number") return String(value)
  return value.toLocaleString("en-US", { maximumFractionDigits: Math.abs(value) < 100 ? 2 : 0 })
}
