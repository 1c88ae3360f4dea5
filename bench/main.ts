import { writeFile } from "node:fs/promises"
import { parseArgs } from "node:util"
import * as actors from "./actors.ts"
import type { Bench, BenchOptions } from "./Bench.ts"
import * as callback from "./callback.ts"
import * as ews from "./ews.ts"
import * as hostile from "./hostile.ts"
import * as mail from "./mail.ts"
import * as oracle from "./oracle.ts"
import { plot } from "./Plot.ts"
import { chartsOf, readMeasured } from "./PlotRows.ts"
import * as push from "./push.ts"
import { machine, table, writeJson } from "./Report.ts"
import * as soak from "./soak.ts"
import * as start from "./start.ts"
import * as storage from "./storage.ts"
import * as storm from "./storm.ts"

const benches: ReadonlyArray<Bench> = [
  actors,
  callback,
  ews,
  hostile,
  mail,
  oracle,
  push,
  soak,
  start,
  storage,
  storm
]

const usage = (): string =>
  [
    "npm run bench -- NAME [--n N] [--json FILE]",
    "npm run bench -- storm [--n USERS] [--minutes M] [--share OF_THE_LOAD] [--only PHASE,…] [--json FILE]",
    "npm run bench -- hostile [--n SLOW] [--minutes M] [--share OF_THE_FLOOD] [--only limits,one,off] [--json FILE]",
    "npm run bench -- plot JSON… --columns COLUMN,… --out SVG",
    "",
    ...benches.map((bench) => `  ${bench.name.padEnd(10)} ${bench.about}`)
  ].join("\n")

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    n: { type: "string" },
    minutes: { type: "string" },
    share: { type: "string" },
    only: { type: "string" },
    json: { type: "string" },
    columns: { type: "string" },
    out: { type: "string" }
  }
})
const bench = benches.find(({ name }) => name === positionals[0])
const numberOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : Number(text)
const options: BenchOptions = {
  n: numberOf(values.n),
  minutes: numberOf(values.minutes),
  share: numberOf(values.share),
  only: values.only?.split(",")
}
const isUsable =
  (options.n === undefined || (Number.isInteger(options.n) && options.n > 0)) &&
  [options.minutes, options.share].every((value) => value === undefined || value > 0)

if (positionals[0] === "plot" && values.columns !== undefined && values.out !== undefined) {
  const measured = await Promise.all(positionals.slice(1).map(readMeasured))
  await writeFile(values.out, plot(chartsOf(measured, values.columns.split(","))))
} else if (bench === undefined || !isUsable) {
  process.stderr.write(`${usage()}\n`)
  process.exitCode = 2
} else {
  const rows = await bench.run(options)
  const { cores, cpu, memoryGiB, node, platform } = machine()
  process.stdout.write(`${bench.about}\n${cores} × ${cpu}, ${memoryGiB} GiB, ${platform}, Node ${node}\n\n`)
  process.stdout.write(`${table(rows)}\n`)
  if (values.json !== undefined) await writeJson(values.json, bench.name, rows)
}
