import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import {
  FAILURES,
  HostCircuit,
  type HostFailure,
  LASTING,
  USERS,
  WAIT_LONGEST
} from "../../../layers/ews/HostCircuit.ts"
import type { UserNumber } from "../../../schemas/Ids.ts"

const failure = (user: number, startedAt: number, more: Partial<HostFailure> = {}): HostFailure => ({
  kind: "unreachable",
  reason: "refused",
  user: String(user) as UserNumber,
  startedAt,
  wait: 0,
  ...more
})

/** Calls of so many users, in turn, that begin at 0 and fail at `now`. */
const failAll = (circuit: HostCircuit, calls: number, users: number, now: number, more = {}) => {
  for (let call = 0; call < calls; call += 1) circuit.failed(failure(call % users, 0, more), false, now)
}

describe("a host's circuit", () => {
  it("opens when enough calls of enough users fail and nothing is answered for a while", () => {
    const circuit = new HostCircuit()
    failAll(circuit, FAILURES - 1, USERS, LASTING.unreachable)
    expect(circuit.admit(LASTING.unreachable)).toBe("Send")
    circuit.failed(failure(1, 0), false, LASTING.unreachable)
    expect(circuit.trouble).toEqual({ since: LASTING.unreachable, reason: "refused" })
    expect(circuit.admit(LASTING.unreachable)).toBe("Refuse")
  })

  it("never opens for the calls of one or two users", () => {
    const circuit = new HostCircuit()
    failAll(circuit, 1_000, USERS - 1, 3_600_000)
    expect(circuit.trouble).toBeUndefined()
  })

  it("does not open because of many failures at one moment", () => {
    const circuit = new HostCircuit()
    failAll(circuit, 1_000, 100, LASTING.unreachable - 1)
    expect(circuit.trouble).toBeUndefined()
  })

  it("is more patient with a host that takes calls and says nothing", () => {
    const circuit = new HostCircuit()
    failAll(circuit, 100, 100, LASTING.silent - 1, { kind: "silent" })
    expect(circuit.trouble).toBeUndefined()
    circuit.failed(failure(1, 0, { kind: "silent" }), false, LASTING.silent)
    expect(circuit.trouble).toBeDefined()
  })

  it("counts from the last answer, not from when a slow call began", () => {
    const circuit = new HostCircuit()
    circuit.answered(false, 3_000)
    failAll(circuit, 100, 100, 3_000 + LASTING.unreachable - 1)
    expect(circuit.trouble).toBeUndefined()
    circuit.failed(failure(1, 0), false, 3_000 + LASTING.unreachable)
    expect(circuit.trouble).toBeDefined()
  })

  it("stays closed however many fail, as long as some are answered", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ answered: fc.boolean(), user: fc.nat(20) }), { maxLength: 200 }),
        (calls) => {
          const circuit = new HostCircuit()
          let now = 0
          for (const [index, { answered, user }] of calls.entries()) {
            now += 100
            // One in 40 for certain: every 4 s.
            if (answered || index % 40 === 0) circuit.answered(false, now)
            else circuit.failed(failure(user, now - 50), false, now)
            expect(circuit.trouble).toBeUndefined()
          }
        }
      )
    )
  })

  it("lets one call at a time find out, and closes at its answer", () => {
    const circuit = open()
    const due = 5_000 + circuit.remaining(5_000)
    expect(circuit.admit(due - 1)).toBe("Refuse")
    expect(circuit.admit(due)).toBe("Probe")
    expect(circuit.admit(due)).toBe("Refuse")
    circuit.failed(failure(1, due), true, due + 100)
    expect(circuit.admit(due + 100)).toBe("Refuse")
    expect(circuit.remaining(due + 100)).toBe(10_000)
    expect(circuit.admit(due + 10_100)).toBe("Probe")
    circuit.answered(true, due + 10_200)
    expect(circuit.trouble).toBeUndefined()
    expect(circuit.admit(due + 10_200)).toBe("Send")
  })

  it("lets the next call probe when one found out nothing", () => {
    const circuit = open()
    expect(circuit.admit(60_000)).toBe("Probe")
    circuit.endProbe()
    expect(circuit.admit(60_000)).toBe("Probe")
  })

  it("closes at the answer to a call that was under way when it opened", () => {
    const circuit = open()
    circuit.answered(false, 5_100)
    expect(circuit.trouble).toBeUndefined()
  })

  it("waits as long as the host asks, up to a minute", () => {
    const asked = open({ wait: 30_000 })
    expect(asked.remaining(5_000)).toBe(30_000)
    expect(open({ wait: 3_600_000 }).remaining(5_000)).toBe(WAIT_LONGEST)
  })

  it("needs as much to open again as it did the first time", () => {
    const circuit = open()
    circuit.answered(false, 6_000)
    circuit.failed(failure(1, 6_000), false, 60_000)
    expect(circuit.trouble).toBeUndefined()
  })
})

/** One that opened at 5,000. */
const open = (more = {}) => {
  const circuit = new HostCircuit()
  failAll(circuit, FAILURES, USERS, LASTING.unreachable, more)
  expect(circuit.trouble).toBeDefined()
  return circuit
}
