import { writeSync } from "node:fs"
import { RotatingFile } from "../../layers/telemetry/RotatingFile.ts"

/** Writes so many numbered lines, or lines until it is killed, and says on standard output which ones it has written. */
const [file = "", name = "", count = "Infinity"] = process.argv.slice(2)
const log = new RotatingFile(file, { size: 500, age: undefined, keep: 10_000 }, Date.now)
for (let number = 0; number < Number(count); number++) {
  log.write(`${name}:${number}`)
  writeSync(1, `${name}:${number}\n`)
}
