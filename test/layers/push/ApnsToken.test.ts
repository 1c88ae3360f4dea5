import { generateKeyPairSync, verify } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { ApnsToken } from "../../../layers/push/ApnsToken.ts"

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

const MINUTE = 60_000

describe("the token", () => {
  it("names key, team and time, signed with the key", () => {
    expect(parts(new ApnsToken(key).current(1_700_000_000_999))).toEqual({
      head: { alg: "ES256", kid: "KEY1" },
      claims: { iss: "TEAM1", iat: 1_700_000_000 },
      genuine: true
    })
  })
  it("is kept for 50 minutes, then made anew", () => {
    const token = new ApnsToken(key)
    const first = token.current(0)
    expect(token.current(50 * MINUTE - 1)).toBe(first)
    expect(parts(token.current(50 * MINUTE)).claims).toMatchObject({ iat: 3_000 })
  })
  it("that Apple refuses is made anew, but never within 20 minutes", () => {
    const token = new ApnsToken(key)
    const first = token.current(0)
    token.refuse()
    expect(token.current(20 * MINUTE - 1)).toBe(first)
    const second = token.current(20 * MINUTE)
    expect(second).not.toBe(first)
    expect(token.current(69 * MINUTE)).toBe(second)
  })
  it("is made anew when the clock was put back", () => {
    const token = new ApnsToken(key)
    token.current(10_000_000)
    expect(parts(token.current(5_000_000)).claims).toMatchObject({ iat: 5_000 })
  })
})
