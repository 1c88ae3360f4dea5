import { describe, expect, it } from "@effect/vitest"
import { FAULT_NAMES, faultOf } from "../../../schemas/Fault.ts"
import { failed, faulty, lineOf, ok, skipped } from "../../../src/doctor/Finding.ts"

describe("a finding", () => {
  it("is one line with its sign, the cause by its name, and the cure", () => {
    expect(lineOf(ok("storage", "works"))).toBe("✔ storage: works")
    expect(lineOf(skipped("service", "does not run"))).toBe("– service: does not run")
    expect(lineOf(failed("memory", "too little", "give it more"))).toBe("✖ memory: too little; give it more")
    expect(lineOf(faulty("key pool", "key-pool-empty", "0 keys wait", "wait"))).toBe(
      "✖ key pool: no RSA keys are left in the pool: 0 keys wait (key-pool-empty); wait"
    )
  })

  it("of every fault tells title, name and cure", () => {
    for (const name of FAULT_NAMES) {
      const line = lineOf(faulty("it", name, "so it is"))
      for (const part of [faultOf(name).title, `(${name})`, faultOf(name).cure]) expect(line).toContain(part)
    }
  })

  it("stays on its line, whatever a server says", () => {
    expect(ok("EWS", "a\r\nb\u001b[31m\tc").says).toBe("a b [31m c")
  })
})
