import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { nameOf } from "./Finding.ts"
import { FOUND } from "./Inputs.ts"
import { readOptions, USAGE } from "./Options.ts"
import { render, SAMPLES_MISSING } from "./Report.ts"
import { runFuzz } from "./Run.ts"
import { TARGETS } from "./Targets.ts"

const print = (line: string) => process.stdout.write(`${line}\n`)
const options = readOptions(process.argv.slice(2))
const unknown = options?.targets.filter((name) => !TARGETS.includes(name)) ?? []

if (options === undefined || unknown.length > 0) {
  process.stderr.write(`${USAGE}\n\nTargets: ${TARGETS.join(", ")}\n`)
  process.exitCode = 2
} else {
  const targets = options.targets.length === 0 ? TARGETS : options.targets
  const one = options.targets.map((name) => ` --target ${name}`).join("")
  print(`npm run fuzz -- --minutes ${options.minutes} --seed ${options.seed}${one}`)
  if (SAMPLES_MISSING !== "") print(SAMPLES_MISSING)
  const { figures, findings } = await runFuzz(targets, options, (message) => {
    if (message._tag === "Done") print(render(message.figures))
    if (message._tag !== "Finding") return
    const { input, kind, target, what } = message.finding
    const file = join(FOUND, target, nameOf(input))
    if (kind !== "memory") {
      mkdirSync(join(FOUND, target), { recursive: true })
      writeFileSync(file, input)
    }
    print(
      `FOUND ${target}: ${kind} (${input.length} bytes, ${file})\n  ${what.split("\n").slice(0, 6).join("\n  ")}`
    )
  })
  const inputs = figures.reduce((sum, one) => sum + one.inputs, 0)
  const seconds = figures.reduce((sum, one) => sum + one.seconds, 0)
  const slowest = Math.max(0, ...figures.map((one) => one.slowest))
  print(
    `${inputs} inputs to ${figures.length} targets in ${Math.round(seconds)} s, ${findings.length} findings, slowest ${slowest.toFixed(1)} ms`
  )
  process.exitCode = findings.length === 0 && figures.length === targets.length ? 0 : 1
}
