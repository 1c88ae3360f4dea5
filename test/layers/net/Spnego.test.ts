import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck as fc } from "effect"
import * as Der from "../../../layers/net/Der.ts"
import { unwrapChallenge, wrapAuthenticate, wrapNegotiate } from "../../../layers/net/Spnego.ts"

const octets = (bytes: Buffer) => Der.write(0x04, bytes)
const answer = (...fields: ReadonlyArray<Buffer>) => Der.write(0xa1, Der.write(0x30, ...fields))
const NTLM = Buffer.from("NTLMSSP\0 and what follows")
const INCOMPLETE = Der.write(0xa0, Buffer.from("0a0101", "hex"))
const REJECT = Der.write(0xa0, Buffer.from("0a0102", "hex"))
const SUPPORTED = Der.write(0xa1, Buffer.from("060a2b06010401823702020a", "hex"))

describe("SPNEGO", () => {
  it("offers NTLM alone, with its first message", () => {
    expect(wrapNegotiate(Buffer.from("abcd", "hex")).toString("hex")).toBe(
      "602206062b0601050502a0183016a00e300c060a2b06010401823702020aa2040402abcd"
    )
  })

  it("wraps an answer of any length", () => {
    for (const length of [0, 1, 127, 128, 200, 300, 70_000]) {
      const token = Buffer.alloc(length, 7)
      expect(Either.getOrThrow(unwrapChallenge(wrapAuthenticate(token))).equals(token)).toBe(true)
    }
  })

  it("finds the challenge among what a server says", () => {
    const challenge = Der.write(0xa2, octets(NTLM))
    expect(unwrapChallenge(answer(INCOMPLETE, SUPPORTED, challenge))).toEqual(Either.right(NTLM))
    expect(unwrapChallenge(answer(challenge))).toEqual(Either.right(NTLM))
  })

  it("takes a challenge that is not wrapped", () => {
    expect(unwrapChallenge(NTLM)).toEqual(Either.right(NTLM))
  })

  it.each([
    ["nothing", Buffer.alloc(0), "no SPNEGO answer"],
    ["a refusal", answer(REJECT), "the server refuses NTLM"],
    ["an answer without a token", answer(INCOMPLETE, SUPPORTED), "no token in the SPNEGO answer"],
    ["an answer with something behind it", Buffer.concat([answer(REJECT), NTLM]), "no SPNEGO answer"],
    ["a length that leads outside", Buffer.from("a18430ffffff30", "hex"), "no SPNEGO answer"],
    ["an indefinite length", Buffer.from("a18030800000", "hex"), "no SPNEGO answer"]
  ])("says what is wrong with %s", (_, bytes, reason) => {
    expect(unwrapChallenge(bytes)).toEqual(Either.left(reason))
  })

  it("never throws", () => {
    const whole = answer(INCOMPLETE, SUPPORTED, Der.write(0xa2, octets(NTLM)))
    const damaged = fc.tuple(fc.nat(whole.length - 1), fc.nat(255)).map(([at, value]) => {
      const bytes = Buffer.from(whole)
      bytes[at] = value
      return bytes
    })
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 64 })), (bytes) =>
        Either.isEither(unwrapChallenge(bytes))
      ),
      { numRuns: 1000 }
    )
  })
})
