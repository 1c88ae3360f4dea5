import { execFileSync } from "node:child_process"
import { createPrivateKey, X509Certificate } from "node:crypto"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, layer } from "@effect/vitest"
import { Context, Effect, Either, FastCheck as fc, Layer, Redacted } from "effect"
import { openClientIdentity, PKCS12_MAX } from "../../../layers/net/ClientIdentity.ts"
import { P12_PASSWORD, type Pki, pki } from "../../peers/support/Pki.ts"
import { describePeer } from "../../peers/support/RealPeer.ts"

class Keys extends Context.Tag("ens/test/ClientKeys")<Keys, Pki>() {}

const open = (p12: string, password = P12_PASSWORD) =>
  openClientIdentity(Redacted.make(p12), Redacted.make(password))

const reasonOf = (p12: string, password?: string) =>
  Either.match(open(p12, password), { onLeft: ({ reason }) => reason, onRight: () => "opened" })

/** Another file of these keys, as openssl writes it. */
const exported = (at: Pki, ...args: ReadonlyArray<string>): string => {
  const file = join(at.directory, "other.p12")
  execFileSync("openssl", ["pkcs12", "-export", "-out", file, ...args], { cwd: at.directory, stdio: "pipe" })
  return readFileSync(file).toString("base64")
}
const PAIR = ["-in", "client.crt", "-inkey", "client.key"]
const PASS = ["-passout", `pass:${P12_PASSWORD}`]

describePeer("a client certificate", ["/usr/bin/openssl"], () => {
  layer(Layer.scoped(Keys, pki), { excludeTestServices: true, timeout: "60 seconds" })((it) => {
    it.effect.each([
      ["client", "new"],
      ["client", "legacy"],
      ["client-ec", "new"],
      ["client-ec", "legacy"]
    ] as const)("is opened with its key and chain: %s, %s encryption", ([name, encryption]) =>
      Effect.gen(function* () {
        const at = yield* Keys
        const identity = yield* open(at.p12(name, encryption))
        const [own, ...chain] =
          identity.certificates.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g) ?? []
        expect(new X509Certificate(own ?? "").fingerprint256).toBe(at.certificate(name).fingerprint256)
        expect(chain.map((one) => new X509Certificate(one).subject)).toEqual(["CN=Test CA"])
        const key = createPrivateKey(Redacted.value(identity.key))
        expect(at.certificate(name).checkPrivateKey(key)).toBe(true)
      })
    )

    it.effect("may be encrypted in any way that is in use", () =>
      Effect.gen(function* () {
        const at = yield* Keys
        const ways = [
          ["-keypbe", "AES-128-CBC", "-certpbe", "AES-192-CBC"],
          ["-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES"],
          ["-keypbe", "PBE-SHA1-3DES", "-certpbe", "AES-256-CBC", "-macalg", "sha1"],
          ["-legacy", "-keypbe", "PBE-SHA1-RC2-40", "-certpbe", "PBE-SHA1-RC2-40"],
          ["-certpbe", "NONE"],
          ["-keypbe", "NONE", "-certpbe", "NONE"],
          ["-nomac"]
        ]
        expect(ways.map((way) => reasonOf(exported(at, ...PAIR, ...way, ...PASS)))).toEqual(
          ways.map(() => "opened")
        )
      })
    )

    it.effect("takes a password of any characters, or none", () =>
      Effect.gen(function* () {
        const at = yield* Keys
        for (const way of [[], ["-legacy"]]) {
          for (const password of ["Grüße €", ""]) {
            expect(reasonOf(exported(at, ...PAIR, ...way, "-passout", `pass:${password}`), password)).toBe(
              "opened"
            )
          }
        }
      })
    )

    it.effect("says what is wrong with what cannot be used", () =>
      Effect.gen(function* () {
        const at = yield* Keys
        const good = at.p12("client", "new")
        expect(reasonOf(good, "guess")).toBe("wrong password")
        expect(reasonOf(at.p12("client", "legacy"), "guess")).toBe("wrong password")
        expect(reasonOf(at.p12("client-ec", "new"), "")).toBe("wrong password")
        expect(reasonOf("")).toBe("not a PKCS#12 file")
        expect(reasonOf("hello")).toBe("not a PKCS#12 file")
        expect(reasonOf(good.slice(0, 1000))).toBe("not a PKCS#12 file")
        expect(reasonOf(Buffer.from(at.pem("client").cert).toString("base64"))).toBe("not a PKCS#12 file")
        expect(reasonOf("A".repeat(2 * PKCS12_MAX))).toBe("too large")
        expect(reasonOf(exported(at, "-in", "client.crt", "-nokeys", ...PASS))).toBe("no private key")
        expect(reasonOf(exported(at, "-in", "client.key", "-inkey", "client.key", "-nocerts", ...PASS))).toBe(
          "no certificate"
        )
        const rc2 = ["-legacy", "-certpbe", "PBE-SHA1-RC2-128"]
        expect(reasonOf(exported(at, ...PAIR, ...rc2, ...PASS))).toBe("unknown encryption")
        expect(reasonOf(exported(at, ...PAIR, "-iter", "100001", ...PASS))).toBe("too many rounds")
      })
    )

    it.effect("keeps its key and password out of logs and errors", () =>
      Effect.gen(function* () {
        const at = yield* Keys
        const identity = yield* open(at.p12("client", "new"))
        expect(JSON.stringify(identity)).not.toContain("PRIVATE")
        const refused = Either.flip(open(at.p12("client", "new"), "guessed-password"))
        expect(JSON.stringify(refused)).not.toContain("guess")
      })
    )

    it.effect("is opened or refused, but never crashes, whatever has become of the file", () =>
      Effect.gen(function* () {
        const at = yield* Keys
        for (const encryption of ["new", "legacy"] as const) {
          const bytes = Buffer.from(at.p12("client", encryption), "base64")
          const damaged = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), {
            minLength: 1,
            maxLength: 3
          })
          fc.assert(
            fc.property(damaged, (changes) => {
              const copy = Buffer.from(bytes)
              for (const [where, value] of changes) copy[where] = value
              return Either.isEither(open(copy.toString("base64")))
            }),
            { numRuns: 50 }
          )
        }
      })
    )
  })
})
