import type { SrvRecord } from "node:dns"
import { describe, expect, it } from "@effect/vitest"
import { Effect, FastCheck as fc } from "effect"
import { bestRecord, layerWith, SrvRecords } from "../../../layers/ews/SrvRecords.ts"
import { scriptedDns } from "../../support/ScriptedDns.ts"

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

  it.scopedLive(
    "are asked of the name servers; a name that has none, or cannot be asked about, has none",
    () =>
      Effect.gen(function* () {
        const records = [record("mail.contoso.com", 0, 5), record(".", 1, 0, 0)]
        const dns = yield* scriptedDns((name) => (name === "_autodiscover._tcp.contoso.com" ? records : []))
        const got = yield* Effect.flatMap(SrvRecords, (srv) =>
          Effect.all([
            srv.lookup("_autodiscover._tcp.contoso.com", 2_000),
            srv.lookup("_autodiscover._tcp.nowhere.net", 2_000),
            srv.lookup("no name \u0000", 2_000)
          ])
        ).pipe(Effect.provide(layerWith([dns.server])))
        expect(got[0]).toMatchObject([
          { name: "mail.contoso.com", priority: 0, weight: 5, port: 443 },
          { name: "", priority: 1, weight: 0, port: 0 }
        ])
        expect(got.slice(1)).toEqual([[], []])
        expect(dns.asked).toContain("_autodiscover._tcp.nowhere.net")
      })
  )

  it.scopedLive("of a server that keeps still are none, in time", () =>
    Effect.gen(function* () {
      const dns = yield* scriptedDns(() => undefined)
      const lookup = Effect.flatMap(SrvRecords, (srv) => srv.lookup("_autodiscover._tcp.contoso.com", 100))
      expect(yield* Effect.provide(lookup, layerWith([dns.server]))).toEqual([])
      expect(dns.asked).toHaveLength(1)
    })
  )
})
