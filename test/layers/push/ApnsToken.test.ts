import { generateKeyPairSync, verify } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import * as ApnsToken from "../../../layers/push/ApnsToken.ts"

const pair = generateKeyPairSync("ec", { namedCurve: "P-256" })
const key = { keyId: "KEY1", teamId: "TEAM1", key: pair.privateKey }

const parts = (token: string) => {
  const [head, claims, signature] = token.split(".") as [string, string, string]
  const read = (part: string): unknown => JSON.parse(Buffer.from(part, "base64url").toString())
  const genuine = verify(
    "sha256",
    Buffer.from(`${head}.${claims}`),
    { key: pair.publicKey, dsaEncoding: "ieee-p1363" },
    Buffer.from(signature, "base64url")
  )
  return { head: read(head), claims: read(claims), genuine }
}

describe("the token", () => {
  it.effect("names key, team and time, signed with the key", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_700_000_000_999)
      expect(parts(yield* ApnsToken.make(key).current)).toEqual({
        head: { alg: "ES256", kid: "KEY1" },
        claims: { iss: "TEAM1", iat: 1_700_000_000 },
        genuine: true
      })
    })
  )
  it.effect("is kept for 50 minutes, then made anew", () =>
    Effect.gen(function* () {
      const token = ApnsToken.make(key)
      const first = yield* token.current
      yield* TestClock.adjust("49 minutes")
      expect(yield* token.current).toBe(first)
      yield* TestClock.adjust("1 minute")
      expect(parts(yield* token.current).claims).toMatchObject({ iat: 3_000 })
    })
  )
  it.effect("that Apple refuses is made anew, but never within 20 minutes", () =>
    Effect.gen(function* () {
      const token = ApnsToken.make(key)
      const first = yield* token.current
      yield* token.refused
      yield* TestClock.adjust("19 minutes")
      expect(yield* token.current).toBe(first)
      yield* TestClock.adjust("1 minute")
      const second = yield* token.current
      expect(second).not.toBe(first)
      yield* TestClock.adjust("49 minutes")
      expect(yield* token.current).toBe(second)
    })
  )
  it.effect("is made anew when the clock was put back", () =>
    Effect.gen(function* () {
      const token = ApnsToken.make(key)
      yield* TestClock.setTime(10_000_000)
      yield* token.current
      yield* TestClock.setTime(5_000_000)
      expect(parts(yield* token.current).claims).toMatchObject({ iat: 5_000 })
    })
  )
})
