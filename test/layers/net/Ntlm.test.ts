import { randomBytes } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck as fc } from "effect"
import { type Answer, authenticate, negotiate, parseChallenge } from "../../../layers/net/Ntlm.ts"
import { ntowfv2, proofOf, sessionKeyOf, upperCase } from "../../../layers/net/NtlmHash.ts"
import * as Server from "../../../layers/net/NtlmServer.ts"

const hex = (text: string) => Buffer.from(text.replace(/\s/g, ""), "hex")
const NOW = Date.UTC(2026, 10, 22)

const challengeBytes = Server.challenge({
  serverChallenge: hex("0123456789abcdef"),
  netbiosDomain: "CONTOSO",
  netbiosComputer: "EXCH01",
  now: NOW
})
const answerOf = (changes: Partial<Answer> = {}): Answer => ({
  challenge: Either.getOrThrow(parseChallenge(challengeBytes)),
  negotiate: negotiate(),
  user: "alice",
  domain: "CONTOSO",
  password: "P@ssw0rd!",
  channelBinding: undefined,
  random: hex("aaaaaaaaaaaaaaaa"),
  now: NOW,
  ...changes
})
const verify = (message: Buffer, password = "P@ssw0rd!") =>
  Server.verify(message, { negotiate: negotiate(), challenge: challengeBytes, passwordOf: () => password })

describe("NTLM", () => {
  it("computes the NTLMv2 values that the specification gives as examples (MS-NLMP 4.2.4)", () => {
    const key = ntowfv2("User", "Domain", "Password")
    expect(key.toString("hex")).toBe("0c868a403bfd7a93a3001ef22ef02e3f")
    const temp = hex(`01010000000000000000000000000000aaaaaaaaaaaaaaaa00000000
      02000c0044006f006d00610069006e0001000c00530065007200760065007200 0000000000000000`)
    const proof = proofOf(key, hex("0123456789abcdef"), temp)
    expect(proof.toString("hex")).toBe("68cd0ab851e51c96aabc927bebef6a1c")
    expect(sessionKeyOf(key, proof).toString("hex")).toBe("8de40ccadbc14a82f15cb0ad0de95ca3")
  })

  it("begins with 40 bytes that carry a version, which some servers insist on", () => {
    const signature = "4e544c4d53535000"
    const empty = "0000000000000000"
    expect(negotiate().toString("hex")).toBe(`${signature}0100000005820822${empty}${empty}0a00614a0000000f`)
  })

  it("answers a challenge so that the right password is found right, and others wrong", () => {
    const message = authenticate(answerOf())
    expect(verify(message)).toEqual(
      Either.right({ user: "alice", domain: "CONTOSO", channelBinding: undefined })
    )
    expect(verify(message, "P@ssw0rd?")).toEqual(Either.left("wrong password"))
  })

  it.each([
    ["alice", "CONTOSO", "alice", "CONTOSO"],
    ["CONTOSO\\alice", undefined, "alice", "CONTOSO"],
    ["CONTOSO\\alice", "OTHER", "alice", "CONTOSO"],
    ["alice@contoso.test", undefined, "alice@contoso.test", ""],
    ["alice", "", "alice", ""],
    ["jürgen", "KÖLN", "jürgen", "KÖLN"]
  ])("logs %s of domain %s in as %s of %s", (user, domain, sentUser, sentDomain) => {
    expect(verify(authenticate(answerOf({ user, domain })))).toEqual(
      Either.right({ user: sentUser, domain: sentDomain, channelBinding: undefined })
    )
  })

  it("tells the server's time, or its own where the server tells none", () => {
    const timeOf = (message: Buffer) => message.readBigUInt64LE(message.readUInt32LE(24) + 16 + 8)
    const later = answerOf({ now: NOW + 3_600_000 })
    const fileTime = BigInt(NOW + 11_644_473_600_000) * 10_000n
    expect(timeOf(authenticate(later))).toBe(fileTime)
    const silent = {
      ...later.challenge,
      targetInfo: later.challenge.targetInfo.filter(({ id }) => id !== 7)
    }
    expect(timeOf(authenticate({ ...later, challenge: silent }))).toBe(fileTime + 36_000_000_000n)
  })

  it("binds the log-in to its channel, and claims nothing without one", () => {
    const binding = randomBytes(16)
    const bound = Either.getOrThrow(verify(authenticate(answerOf({ channelBinding: binding }))))
    expect(bound.channelBinding).toEqual(binding)
  })

  it("protects every byte of its messages", () => {
    const message = authenticate(answerOf({ workstation: "PHONE", targetName: "HTTP/mail.contoso.test" }))
    expect(Either.isRight(verify(message))).toBe(true)
    for (let at = 0; at < message.length; at++) {
      const damaged = Buffer.from(message)
      damaged[at]! ^= 1
      expect([at, Either.isLeft(verify(damaged))]).toEqual([at, true])
    }
    const negotiated = negotiate()
    negotiated[12]! ^= 0x80
    const lied = Server.verify(message, {
      negotiate: negotiated,
      challenge: challengeBytes,
      passwordOf: () => "P@ssw0rd!"
    })
    expect(lied).toEqual(Either.left("wrong MIC"))
  })

  it("never sends an LM response", () => {
    const message = authenticate(answerOf())
    const at = message.readUInt32LE(16)
    expect(message.subarray(at, at + message.readUInt16LE(12))).toEqual(Buffer.alloc(24))
  })

  it("says what is wrong with what is no challenge", () => {
    const ansi = Buffer.from(challengeBytes)
    ansi.writeUInt32LE(ansi.readUInt32LE(20) & ~1, 20)
    const cut = challengeBytes.subarray(0, challengeBytes.length - 12)
    expect([Buffer.alloc(0), negotiate(), ansi, cut].map((bytes) => parseChallenge(bytes))).toEqual([
      Either.left("no NTLM challenge"),
      Either.left("no NTLM challenge"),
      Either.left("the server does not speak Unicode"),
      Either.left("the NTLM challenge is cut off")
    ])
  })

  it("answers or refuses every challenge, and every answer, without a crash", () => {
    const damaged = fc
      .tuple(
        fc.array(fc.tuple(fc.nat(challengeBytes.length - 1), fc.nat(255))),
        fc.nat(challengeBytes.length)
      )
      .map(([changes, length]) => {
        const bytes = Buffer.from(challengeBytes)
        for (const [at, value] of changes) bytes[at] = value
        return bytes.subarray(0, length === 0 ? bytes.length : length)
      })
    const rubbish = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes))
    fc.assert(
      fc.property(fc.oneof(damaged, rubbish), (bytes) => {
        const challenge = Either.getOrUndefined(parseChallenge(bytes))
        if (challenge !== undefined) authenticate(answerOf({ challenge }))
        verify(bytes)
        return true
      })
    )
  })

  it("answers a name of any length", () => {
    const long = "ä".repeat(70_000)
    expect(
      Either.isRight(verify(authenticate(answerOf({ user: long, domain: long, workstation: long }))))
    ).toBe(false)
  })

  it("writes user names in upper case as Windows does, whose table knows single characters only", () => {
    expect(upperCase("alice-jürgen.straße")).toBe("ALICE-JÜRGEN.STRAßE")
    expect(upperCase("ıµſÿς")).toBe("ıµſŸΣ")
  })
})
