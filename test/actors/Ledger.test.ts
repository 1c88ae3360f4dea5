import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import {
  decodeLedger,
  deviceEntry,
  emptyLedger,
  encodeLedger,
  hash53,
  isSettled,
  itemEntry,
  LEDGER_SIZE,
  settle
} from "../../actors/Ledger.ts"
import type { DeviceNumber, ItemId } from "../../schemas/Ids.ts"

const item = fc.string({ minLength: 1, maxLength: 40 }).map((text) => text as ItemId)
const device = fc.integer({ min: 1, max: 20 }).map((number) => number as DeviceNumber)
const entries = fc.array(fc.oneof(fc.nat(50), fc.maxSafeNat()), { maxLength: 150 })

describe("the ledger", () => {
  it("keeps all that was just settled, and the newest of the rest, bounded", () => {
    fc.assert(
      fc.property(entries, fc.array(fc.nat(80), { maxLength: 90 }), (old, fresh) => {
        const before = settle(emptyLedger, old)
        const after = settle(before, fresh)
        for (const entry of fresh) expect(after).toContain(entry)
        expect(new Set(after).size).toBe(after.length)
        expect(after.length).toBeLessThanOrEqual(
          Math.max(LEDGER_SIZE, new Set(fresh).size, fresh.length === 0 ? before.length : 0)
        )
        const kept = after.filter((entry) => !fresh.includes(entry))
        expect(kept).toEqual(
          kept.length === 0 ? [] : before.filter((entry) => !fresh.includes(entry)).slice(-kept.length)
        )
      })
    )
  })

  it("reads what it wrote", () => {
    fc.assert(
      fc.property(entries, (list) => {
        const ledger = settle(emptyLedger, list)
        expect(decodeLedger(encodeLedger(ledger))).toEqual(ledger)
      })
    )
  })

  it("tolerates any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(decodeLedger(bytes).every((entry) => Number.isSafeInteger(entry) && entry >= 0)).toBe(true)
      })
    )
  })

  it("settles an item for all its devices, or for the one that is named", () => {
    fc.assert(
      fc.property(item, item, device, device, (one, two, first, second) => {
        fc.pre(one !== two && first !== second)
        const whole = settle(emptyLedger, [itemEntry(one)])
        expect([isSettled(whole, one), isSettled(whole, one, first), isSettled(whole, two, first)]).toEqual([
          true,
          true,
          false
        ])
        const part = settle(emptyLedger, [deviceEntry(one, first)])
        expect([
          isSettled(part, one),
          isSettled(part, one, first),
          isSettled(part, one, second),
          isSettled(part, two, first)
        ]).toEqual([false, true, false, false])
      })
    )
  })

  it("hashes to integers that a double holds, without collisions among many similar ids", () => {
    const hashes = Array.from({ length: 50_000 }, (_, i) =>
      hash53(`AAMkAGVmMDEzMTM4LTZmYWUtNDdkNC1hMDZiAAA${i}=`)
    )
    expect(hashes.every((hash) => Number.isSafeInteger(hash) && hash >= 0)).toBe(true)
    expect(new Set(hashes).size).toBe(hashes.length)
  })
})
