import { Effect } from "effect"
import { readOptions, USAGE } from "./Options.ts"
import { isKept, render, writeReport } from "./Report.ts"
import { runChaos } from "./Run.ts"

const print = (line: string) => process.stdout.write(`${line}\n`)
const options = readOptions(process.argv.slice(2))

if (options === undefined) {
  process.stderr.write(`${USAGE}\n`)
  process.exitCode = 2
} else {
  print(`npm run chaos -- --minutes ${options.minutes} --seed ${options.seed} --users ${options.users}`)
  const report = await Effect.runPromise(runChaos(options, print))
  print(render(report))
  if (options.json !== undefined) writeReport(options.json, report)
  process.exitCode = isKept(report) ? 0 : 1
}
