import { describe, expect, it } from "@effect/vitest"
import type { FuzzOptions } from "./Options.ts"
import { runFuzz } from "./Run.ts"

const OPTIONS: FuzzOptions = {
  minutes: 1,
  seed: 8,
  targets: [],
  inputs: Number.MAX_SAFE_INTEGER,
  slow: 60_000,
  patience: 60_000,
  keep: false
}

const findingsOf = async (faulty: string, options: Partial<FuzzOptions>) => {
  const target = new URL(`faulty/${faulty}.ts`, import.meta.url).href
  return (await runFuzz([target], { ...OPTIONS, ...options }, () => {})).findings
}

describe("a run of the fuzzer", () => {
  it("tells which input does not come back, and ends", async () => {
    const [finding, ...more] = await findingsOf("Hangs", { patience: 1_000 })
    expect(more).toEqual([])
    expect(finding?.kind).toBe("hang")
    expect(Buffer.from(finding?.input ?? []).toString()).toContain("loop")
  })

  it("tells of memory that is kept", async () => {
    const findings = await findingsOf("Grows", { inputs: 3_000 })
    expect(findings.map(({ kind }) => kind)).toEqual(["memory"])
  })

  it("comes, step by step, to a fault that no input finds at once", { timeout: 90_000 }, async () => {
    const findings = await findingsOf("Throws", { inputs: 400_000 })
    expect(findings.map(({ kind }) => kind)).toEqual(["thrown"])
    expect([...(findings[0]?.input.subarray(0, 3) ?? [])]).toEqual([0x7f, 0xff, 0x22])
  })
})
