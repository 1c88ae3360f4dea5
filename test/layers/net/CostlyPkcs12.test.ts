import { generateKeyPairSync } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { Either, Redacted } from "effect"
import forge from "node-forge"
import { openClientIdentity } from "../../../layers/net/ClientIdentity.ts"
import { LEGACY_ROUNDS_MAX, ROUNDS_MAX } from "../../../layers/net/Pkcs12Rounds.ts"

const { asn1 } = forge
type Asn1 = forge.asn1.Asn1
const PASSWORD = "p12pass"

const reasonOf = (safes: ReadonlyArray<Asn1>) =>
  Either.match(openClientIdentity(Redacted.make(fileOf(safes)), Redacted.make(PASSWORD)), {
    onLeft: ({ reason }) => reason,
    onRight: () => "opened"
  })

const sequence = (...children: ReadonlyArray<Asn1>) =>
  asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SEQUENCE, true, [...children])
const field0 = (...children: ReadonlyArray<Asn1>) =>
  asn1.create(asn1.Class.CONTEXT_SPECIFIC, 0, true, [...children])
const octets = (bytes: string) => asn1.create(asn1.Class.UNIVERSAL, asn1.Type.OCTETSTRING, false, bytes)
const number = (value: number) =>
  asn1.create(asn1.Class.UNIVERSAL, asn1.Type.INTEGER, false, asn1.integerToDer(value).getBytes())
const oid = (dotted: string) =>
  asn1.create(asn1.Class.UNIVERSAL, asn1.Type.OID, false, asn1.oidToDer(dotted).getBytes())
const bytesOf = (tree: Asn1) => asn1.toDer(tree).getBytes()

const DATA = "1.2.840.113549.1.7.1"
const fileOf = (safes: ReadonlyArray<Asn1>): string =>
  Buffer.from(
    bytesOf(sequence(number(3), sequence(oid(DATA), field0(octets(bytesOf(sequence(...safes))))))),
    "latin1"
  ).toString("base64")

/** Bags in the open. */
const plain = (...bags: ReadonlyArray<Asn1>) =>
  sequence(oid(DATA), field0(octets(bytesOf(sequence(...bags)))))

/** Bags that nobody sees before they are decrypted, which takes few rounds. */
const hidden = (algorithm: "aes256" | "3des", ...bags: ReadonlyArray<Asn1>) => {
  const [how, what] = shrouded(sequence(...bags), 1, algorithm).value as [Asn1, Asn1]
  const encrypted = asn1.create(asn1.Class.CONTEXT_SPECIFIC, 0, false, what.value)
  return sequence(
    oid("1.2.840.113549.1.7.6"),
    field0(sequence(number(0), sequence(oid(DATA), how, encrypted)))
  )
}

const bag = (kind: "1" | "2", value: Asn1) => sequence(oid(`1.2.840.113549.1.12.10.1.${kind}`), field0(value))

const shrouded = (what: Asn1, count: number, algorithm: "aes256" | "3des" = "aes256") =>
  forge.pki.encryptPrivateKeyInfo(what, PASSWORD, { algorithm, count })

const AES = sequence(oid("2.16.840.1.101.3.4.1.42"), octets("0123456789abcdef"))
const byPbes2 = (derivation: Asn1) =>
  sequence(sequence(oid("1.2.840.113549.1.5.13"), sequence(derivation, AES)), octets("x".repeat(64)))

/** An encrypted key that asks for so many rounds before it turns out to be none. */
const byPbkdf2 = (rounds: number) =>
  byPbes2(sequence(oid("1.2.840.113549.1.5.12"), sequence(octets("saltsalt"), number(rounds))))

/** The same by scrypt (RFC 7914, 7). */
const byScrypt = (n: number, p: number) =>
  byPbes2(
    sequence(oid("1.3.6.1.4.1.11591.4.11"), sequence(octets("saltsalt"), number(n), number(1), number(p)))
  )

const key = asn1.fromDer(
  generateKeyPairSync("ec", { namedCurve: "P-256" })
    .privateKey.export({ type: "pkcs8", format: "der" })
    .toString("latin1")
)

/** No product of primes, but nothing looks for that before a handshake. */
const longKey = (bits: number) => {
  const filled = (length: number) => {
    const bytes = `\x00\xff${"\xab".repeat(length / 8 - 2)}\x01`
    return asn1.create(asn1.Class.UNIVERSAL, asn1.Type.INTEGER, false, bytes)
  }
  const half = () => filled(bits / 2)
  const rsa = sequence(
    number(0),
    filled(bits),
    number(65537),
    filled(bits),
    half(),
    half(),
    half(),
    half(),
    half()
  )
  const none = asn1.create(asn1.Class.UNIVERSAL, asn1.Type.NULL, false, "")
  return sequence(number(0), sequence(oid("1.2.840.113549.1.1.1"), none), octets(bytesOf(rsa)))
}

describe("a client certificate that costs much work", () => {
  it("is opened as far as it can be without", () => {
    expect(reasonOf([plain(bag("2", shrouded(key, 1000)))])).toBe("no certificate")
    expect(reasonOf([hidden("aes256", bag("2", shrouded(key, 1000)))])).toBe("no certificate")
    expect(reasonOf([hidden("3des", bag("2", shrouded(key, 1000)))])).toBe("no certificate")
  })

  it("is refused when all of its parts together ask for too many rounds", () => {
    const half = () => bag("2", byPbkdf2(ROUNDS_MAX / 2))
    expect(reasonOf([plain(half()), plain(half())])).toBe("wrong password")
    expect(reasonOf([plain(half()), plain(half()), plain(bag("2", byPbkdf2(1)))])).toBe("too many rounds")
  })

  it("is refused when what is encrypted in it asks for too many rounds", () => {
    expect(reasonOf([hidden("aes256", bag("2", byPbkdf2(ROUNDS_MAX)))])).toBe("wrong password")
    expect(reasonOf([hidden("aes256", bag("2", byPbkdf2(ROUNDS_MAX + 1)))])).toBe("too many rounds")
    expect(reasonOf([hidden("3des", bag("2", byPbkdf2(LEGACY_ROUNDS_MAX + 1)))])).toBe("too many rounds")
  })

  it("is refused when it asks for scrypt, whose work is more than rounds", () => {
    expect(reasonOf([plain(bag("2", byScrypt(1024, 8192)))])).toBe("too many rounds")
    expect(reasonOf([hidden("aes256", bag("2", byScrypt(1024, 8192)))])).toBe("too many rounds")
  })

  it("is refused when its key takes seconds to sign with", () => {
    expect(reasonOf([plain(bag("1", longKey(8192)))])).toBe("no certificate")
    expect(reasonOf([plain(bag("1", longKey(16_384)))])).toBe("key too long")
  })
})
