import { FastCheck as fc } from "effect"
import { beforeEach, describe, expect, it } from "vitest"
import { type CircuitOptions, RestartCircuit } from "../../actors/RestartCircuit.ts"

const options: CircuitOptions = {
  least: 3,
  fraction: 0.01,
  window: 10_000,
  survive: 5_000,
  pause: { least: 1_000, most: 8_000 },
  rate: 20
}

/** A circuit with a clock and actors that are up as soon as they restart, unless said otherwise. */
class Rig {
  now = 0
  due: number | undefined = undefined
  count = 100
  readonly restarted: Array<string> = []
  readonly up = new Set<string>()
  readonly log: Array<boolean> = []
  loading = false
  readonly circuit = new RestartCircuit<string>(options, {
    restart: (actor) => {
      this.restarted.push(actor)
      if (this.loading) return
      this.up.add(actor)
      this.circuit.up(actor, this.now)
    },
    isUp: (actor) => this.up.has(actor),
    hold: (actor) => this.up.delete(actor),
    arm: (due) => {
      this.due = due
    },
    count: () => this.count,
    changed: (open) => this.log.push(open)
  })

  crash(...actors: ReadonlyArray<string>): void {
    for (const actor of actors) {
      this.up.delete(actor)
      this.circuit.crashed(actor, this.now)
      this.circuit.admit(actor, this.now)
    }
  }

  advance(ms: number): void {
    const end = this.now + ms
    while (this.due !== undefined && this.due <= end) {
      this.now = Math.max(this.now, this.due)
      this.due = undefined
      this.circuit.due(this.now)
    }
    this.now = end
  }
}

let rig: Rig
beforeEach(() => {
  rig = new Rig()
})

describe("the restart circuit", () => {
  it("lets few crashes restart at once", () => {
    rig.crash("a", "b", "c")
    expect(rig.restarted).toEqual(["a", "b", "c"])
    expect(rig.circuit.isOpen).toBe(false)
  })

  it("counts actors, not crashes: one that crashes again and again does not open it", () => {
    for (let i = 0; i < 50; i++) rig.crash("a")
    expect(rig.circuit.isOpen).toBe(false)
  })

  it("needs a share of all actors where there are many", () => {
    rig.count = 1000
    rig.crash(..."abcdefghij")
    expect(rig.circuit.isOpen).toBe(false)
    rig.crash("k")
    expect(rig.circuit.isOpen).toBe(true)
  })

  it("forgets crashes that are longer ago than the window", () => {
    rig.crash("a", "b", "c")
    rig.advance(10_001)
    rig.crash("d", "e", "f")
    expect(rig.circuit.isOpen).toBe(false)
  })

  it("holds what crashes while open, and restarts one probe after a pause", () => {
    rig.crash("a", "b", "c", "d", "e")
    expect(rig.restarted).toEqual(["a", "b", "c"])
    rig.advance(999)
    expect(rig.restarted).toHaveLength(3)
    rig.advance(1)
    expect(rig.restarted.slice(3)).toEqual(["d"])
    rig.advance(4_999)
    expect(rig.circuit.isOpen).toBe(true)
    expect(rig.restarted).toHaveLength(4)
    rig.advance(1)
    expect(rig.circuit.isOpen).toBe(false)
    expect(rig.restarted.slice(4)).toEqual(["e"])
    expect(rig.log).toEqual([true, false])
  })

  it("doubles the pause with each probe that crashes, up to a limit", () => {
    rig.crash("a", "b", "c", "d", "e", "f", "g", "h")
    const pauses = [1_000, 2_000, 4_000, 8_000, 8_000]
    for (const pause of pauses) {
      const before = rig.restarted.length
      rig.advance(pause - 1)
      expect(rig.restarted).toHaveLength(before)
      rig.advance(1)
      expect(rig.restarted).toHaveLength(before + 1)
      rig.crash(rig.restarted.at(-1)!)
    }
  })

  it("releases what it held at a bounded rate once it is closed", () => {
    rig.count = 1
    rig.crash(...Array.from({ length: 43 }, (_, i) => `${i}`))
    rig.advance(6_000)
    expect(rig.circuit.isOpen).toBe(false)
    const atClose = rig.restarted.length
    rig.advance(1_000)
    expect(rig.restarted.length - atClose).toBeLessThanOrEqual(20)
    expect(rig.restarted.length - atClose).toBeGreaterThanOrEqual(18)
    rig.advance(2_000)
    expect(new Set(rig.restarted).size).toBe(43)
  })

  it("tries another actor when the probe is still loading, or is stopped", () => {
    rig.crash("a", "b", "c", "d", "e", "f")
    rig.loading = true
    rig.advance(1_000)
    expect(rig.restarted.slice(3)).toEqual(["d"])
    rig.advance(5_000)
    expect(rig.restarted.slice(3)).toEqual(["d", "e"])
    rig.circuit.forget("e", rig.now)
    rig.advance(0)
    expect(rig.restarted.slice(3)).toEqual(["d", "e", "f"])
    expect(rig.circuit.isOpen).toBe(true)
  })

  it("lets the time to survive begin when the probe is up", () => {
    rig.crash("a", "b", "c", "d")
    rig.loading = true
    rig.advance(1_000)
    rig.advance(4_000)
    rig.up.add("d")
    rig.circuit.up("d", rig.now)
    rig.advance(4_999)
    expect(rig.circuit.isOpen).toBe(true)
    rig.advance(1)
    expect(rig.circuit.isOpen).toBe(false)
  })

  it("closes by itself when all that crashed are gone", () => {
    rig.crash("a", "b", "c", "d")
    for (const actor of ["a", "b", "c", "d"]) rig.circuit.forget(actor, rig.now)
    rig.advance(20_000)
    expect(rig.circuit.isOpen).toBe(false)
  })

  it("forgets nobody: whatever crashes and stops, in the end everything that asked is restarted", () => {
    const step = fc.record({
      op: fc.constantFrom("crash", "crash", "forget", "time"),
      actor: fc.nat(9),
      ms: fc.nat(8_000)
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100, size: "max" }), (steps) => {
        rig = new Rig()
        const { circuit } = rig
        const alive = new Set(Array.from({ length: 10 }, (_, i) => `${i}`))
        for (const actor of alive) rig.up.add(actor)
        for (const { actor, ms, op } of steps) {
          const id = `${actor}`
          if (op === "time") rig.advance(ms)
          else if (op === "forget") {
            alive.delete(id)
            rig.up.delete(id)
            circuit.forget(id, rig.now)
          } else if (rig.up.has(id)) rig.crash(id)
        }
        rig.advance(120_000)
        expect(circuit.isOpen).toBe(false)
        for (const actor of alive) expect(rig.up.has(actor)).toBe(true)
      })
    )
  })
})
