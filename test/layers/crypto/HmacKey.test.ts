import { createHmac } from "node:crypto"
import { FastCheck as fc } from "effect"
import { expect, it } from "vitest"
import { HmacKey } from "../../../layers/crypto/HmacKey.ts"

it("agrees with Node's Hmac, whatever the key and the message", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.string({ unit: "binary" }), (raw, message) => {
      const key = new HmacKey(raw)
      const expected = createHmac("sha256", raw).update(message, "utf8").digest()
      expect(key.digest(message)).toEqual(expected)
      expect(key.digest(message)).toEqual(expected)
    })
  )
})

it("has its key for itself: wiping what it was made from changes nothing", () => {
  const raw = new Uint8Array(32).fill(7)
  const key = new HmacKey(raw)
  const before = key.digest("x")
  raw.fill(0)
  expect(key.digest("x")).toEqual(before)
})
