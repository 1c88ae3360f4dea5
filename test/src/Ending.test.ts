import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { describe, expect, it } from "vitest"

const ENDING = join(import.meta.dirname, "../../src/Ending.ts")

/** A process that says what its finalizer does, and is told to stop as Node tells of a console's signal. */
const PROGRAM = (signal: string) => `
import { Effect } from "effect"
import { runMain } from "${ENDING}"
runMain(Effect.never.pipe(Effect.onInterrupt(() => Effect.sync(() => process.stdout.write("finalized")))))
setTimeout(() => process.emit("${signal}", "${signal}"), 100)
setTimeout(() => process.exit(9), 20_000).unref()`

describe("a process that is told to stop", () => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGBREAK"])
    it(`by ${signal} tidies up and ends with code 0`, async () => {
      const child = spawn(process.execPath, ["--input-type=module", "-e", PROGRAM(signal)], {
        cwd: join(ENDING, "../.."),
        stdio: ["ignore", "pipe", "inherit"]
      })
      const said = text(child.stdout)
      const [code] = await once(child, "exit")
      expect([await said, code]).toEqual(["finalized", 0])
    })
})
