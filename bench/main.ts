import { parseArgs } from "node:util"
import * as actors from "./actors.ts"
import type { Bench } from "./Bench.ts"
import * as callback from "./callback.ts"
import * as ews from "./ews.ts"
import * as push from "./push.ts"
import { machine, table, writeJson } from "./Report.ts"

const benches: ReadonlyArray<Bench> = [actors, callback, ews, push]

const usage = (): string =>
  [
    "npm run bench -- NAME [--n N] [--json FILE]",
    "",
    ...benches.map((bench) => `  ${bench.name.padEnd(10)} ${bench.about}`)
  ].join("\n")

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { n: { type: "string" }, json: { type: "string" } }
})
const bench = benches.find(({ name }) => name === positionals[0])
const n = values.n === undefined ? undefined : Number(values.n)

if (bench === undefined || (n !== undefined && !(Number.isInteger(n) && n > 0))) {
  process.stderr.write(`${usage()}\n`)
  process.exitCode = 2
} else {
  const rows = await bench.run({ n })
  const { cores, cpu, memoryGiB, node, platform } = machine()
  process.stdout.write(`${bench.about}\n${cores} × ${cpu}, ${memoryGiB} GiB, ${platform}, Node ${node}\n\n`)
  process.stdout.write(`${table(rows)}\n`)
  if (values.json !== undefined) await writeJson(values.json, bench.name, rows)
}
