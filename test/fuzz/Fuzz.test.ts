import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "@effect/vitest"

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url))
/** How long parsers are fuzzed in all, and how long loading them may take beside it. */
const MINUTES = 1
const GRACE = 180_000

/**
 * In a process of its own, beside the other tests. A machine under tests says nothing of time: only an input that takes ten
 * seconds is a finding here.
 */
const fuzzed = () =>
  new Promise<{ readonly code: number; readonly says: string }>((resolve) => {
    const args = [MAIN, "--minutes", String(MINUTES), "--slow", "10000", "--patience", "60000"]
    execFile(process.execPath, args, { timeout: MINUTES * 60_000 + GRACE }, (error, out, trouble) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), says: `${out}${trouble}` })
    )
  })

describe("fuzzing", () => {
  it(
    "a minute of mutated inputs finds nothing that a parser does not bear",
    async () => {
      const { code, says } = await fuzzed()
      // The seed with which it can be had again.
      process.stdout.write(says)
      expect(code, says).toBe(0)
    },
    MINUTES * 60_000 + GRACE + 10_000
  )
})
