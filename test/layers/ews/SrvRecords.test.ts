import type { SrvRecord } from "node:dns"
import { describe, expect, it } from "@effect/vitest"
import { Effect, FastCheck as fc } from "effect"
import { bestRecord, layer, SrvRecords } from "../../../layers/ews/SrvRecords.ts"

const record = (name: string, priority: number, weight: number, port = 443): SrvRecord => ({
  name,
  priority,
  weight,
  port
})

describe("SRV records", () => {
  it("the lowest priority goes first, in it the highest weight", () => {
    const all = () => true
    expect(bestRecord([record("b", 1, 9), record("a", 0, 1), record("c", 0, 2)], all)?.host).toBe("c")
    expect(bestRecord([record("b", 0, 1), record("a", 0, 1)], all)?.host).toBe("a")
    expect(bestRecord([record("a.", 0, 1)], all)?.host).toBe("a")
    expect(bestRecord([record(".", 0, 1), record("", 0, 1)], all)).toBe(undefined)
    expect(bestRecord([], all)).toBe(undefined)
  })

  it("those that cannot be used do not count, and no other is better than the one taken", () => {
    const records = fc.array(
      fc.record({
        name: fc.domain(),
        priority: fc.nat(3),
        weight: fc.nat(3),
        port: fc.constantFrom(443, 444)
      })
    )
    fc.assert(
      fc.property(records, (all) => {
        const best = bestRecord(all, ({ port }) => port === 443)
        const usable = all.filter(({ port }) => port === 443)
        expect(best === undefined).toBe(usable.length === 0)
        const rank = (one: SrvRecord) => one.priority * 10 - one.weight
        const least = Math.min(...usable.map(rank))
        expect(usable.filter((one) => rank(one) === least).some(({ name }) => name === best?.host)).toBe(
          usable.length > 0
        )
      })
    )
  })

  it.live("a name that cannot be asked about has none, and a slow server is not waited for", () =>
    Effect.gen(function* () {
      const srv = yield* SrvRecords
      expect(yield* srv.lookup("_autodiscover._tcp.invalid", 300)).toEqual([])
      expect(yield* srv.lookup("no name at all \u0000", 300)).toEqual([])
    }).pipe(Effect.provide(layer))
  )
})
