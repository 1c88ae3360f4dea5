import { randomBytes, randomUUID } from "node:crypto"
import { describe, expect, it } from "vitest"
import { apparentBits, STRONG_BITS } from "../../../src/cli/TokenStrength.ts"

describe("the apparent strength of an imported token", () => {
  it("is enough for what programs make", () => {
    for (let i = 0; i < 200; i++) {
      const bytes = randomBytes(16)
      const all = [bytes.toString("hex"), bytes.toString("hex").toUpperCase(), randomUUID()]
      for (const token of [...all, randomBytes(24).toString("base64")]) {
        expect(apparentBits(token), token).toBeGreaterThanOrEqual(STRONG_BITS)
      }
    }
  })

  it("is not enough for what people make up", () => {
    for (const token of [
      "12345678",
      "Passw0rd!Passw0rd!",
      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "0".repeat(40)
    ]) {
      expect(apparentBits(token), token).toBeLessThan(STRONG_BITS)
    }
    expect(apparentBits("20261122199501310815470011223344")).toBeLessThan(STRONG_BITS)
    expect(apparentBits("abababababababababababababababababababababababab")).toBe(48)
  })
})
