import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import type { Tenant } from "../../../layers/storage/Storage.ts"
import { TenantNumber } from "../../../schemas/Ids.ts"
import { TokenDirectory } from "../../../src/http/TokenDirectory.ts"

const tenant = (number: number): Tenant => ({
  tenant: TenantNumber.make(number),
  name: String(number),
  ewsUrls: [],
  ewsPins: [],
  seg: false
})
const entry = (hash: Uint8Array, number: number) => ({
  id: String(number),
  hash,
  tenant: tenant(number),
  expiresAt: null
})
const hash = FastCheck.uint8Array({ minLength: 32, maxLength: 32 })
const hashes = FastCheck.uniqueArray(hash, { selector: (bytes) => bytes.join() })

describe("the token directory", () => {
  it("finds what it was given, and nothing else", () =>
    FastCheck.assert(
      FastCheck.property(hashes, hash, FastCheck.nat({ max: 31 }), (all, other, at) => {
        const directory = new TokenDirectory(all.map((hash, i) => entry(hash, i + 1)))
        for (const [i, one] of all.entries()) {
          expect(directory.find(Uint8Array.from(one))).toEqual(entry(one, i + 1))
          const close = Uint8Array.from(one)
          close[at] = close[at]! ^ 1
          const known = all.findIndex((each) => Buffer.compare(each, close) === 0)
          expect(directory.find(close)?.tenant).toEqual(known < 0 ? undefined : tenant(known + 1))
        }
        if (!all.some((one) => Buffer.compare(one, other) === 0)) {
          expect(directory.find(other)).toBeUndefined()
        }
      })
    ))

  it("takes hashes of another length for unknown", () => {
    const directory = new TokenDirectory([entry(new Uint8Array(32), 1)])
    expect(directory.find(new Uint8Array(31))).toBeUndefined()
    expect(directory.find(new Uint8Array(0))).toBeUndefined()
  })
})
