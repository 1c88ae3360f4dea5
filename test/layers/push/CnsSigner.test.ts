import { execFileSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, layer } from "@effect/vitest"
import { Context, Effect, Either, Layer, Redacted, TestClock } from "effect"
import { openClientIdentity } from "../../../layers/net/ClientIdentity.ts"
import * as CnsCertificate from "../../../layers/push/CnsCertificate.ts"
import * as CnsSigner from "../../../layers/push/CnsSigner.ts"
import { P12_PASSWORD, type Pki, pki } from "../../peers/support/Pki.ts"
import * as LogRecorder from "../../support/LogRecorder.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"

const PATH = "/nws/notify/apns"
const PLAIN = { separator: "'1", digest: "sha256" } as const

class Keys extends Context.Tag("ens/test/SignerKeys")<Keys, Pki>() {}

const certificateOf = (p12: string): CnsCertificate.CnsCertificate =>
  CnsCertificate.of(Either.getOrThrow(openClientIdentity(Redacted.make(p12), Redacted.make(P12_PASSWORD))))

/** What openssl says of the signature in a header over this content; its words if it refuses. */
const verified = (header: string, content: string, ca: string) =>
  Effect.map(temporaryDirectory, (directory) => {
    const at = (name: string) => join(directory, name)
    writeFileSync(at("signature"), Buffer.from(header.split(" ")[1] ?? "", "base64"))
    writeFileSync(at("content"), content)
    writeFileSync(at("ca"), ca)
    const files = ["-in", at("signature"), "-content", at("content"), "-CAfile", at("ca")]
    const verify = ["cms", "-verify", "-binary", "-inform", "DER", "-purpose", "any", ...files]
    try {
      execFileSync("openssl", [...verify, "-out", at("out")], { stdio: "pipe" })
      return "verified"
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  })

/** The signature as openssl prints it. */
const printed = (header: string) =>
  execFileSync("openssl", ["cms", "-cmsout", "-print", "-noout", "-inform", "DER"], {
    input: Buffer.from(header.split(" ")[1] ?? "", "base64")
  }).toString()

layer(Layer.scoped(Keys, pki))("the signature for CNS", (it) => {
  it.scoped.each([
    ["client", "new", "sha256"],
    ["client", "new", "sha1"],
    ["client", "legacy", "sha256"],
    ["client", "legacy", "sha1"],
    ["client-ec", "new", "sha256"],
    ["client-ec", "legacy", "sha1"]
  ] as const)(
    "of %s (%s encryption), with %s, is verified by openssl over the path alone",
    ([name, encryption, digest]) =>
      Effect.gen(function* () {
        const keys = yield* Keys
        const sign = CnsSigner.make(certificateOf(keys.p12(name, encryption)), { separator: "'1", digest })
        yield* TestClock.setTime(Date.now())
        const header = yield* sign(PATH)
        expect(header).toMatch(/^CMSURL'1 [A-Za-z0-9+/]+={0,2}$/)
        expect(yield* verified(header, PATH, keys.ca)).toBe("verified")
        expect(yield* verified(header, `${PATH}/`, keys.ca)).toContain("Verification failure")
      })
  )

  it.scoped("carries the signer's certificate alone, and its time", () =>
    Effect.gen(function* () {
      const keys = yield* Keys
      const certificate = certificateOf(keys.p12("client", "new"))
      expect(certificate.identity.certificates.match(/BEGIN CERTIFICATE/g)).toHaveLength(2)
      yield* TestClock.setTime(Date.UTC(2031, 1, 3, 4, 5, 6, 789))
      const text = printed(yield* CnsSigner.make(certificate, PLAIN)(PATH))
      expect(text.match(/cert_info:/g)).toHaveLength(1)
      expect(text).toMatch(/subject: O ?= ?Contoso, CN ?= ?alice/)
      expect(text).toMatch(/eContent: <ABSENT>/)
      expect(text).toMatch(/UTCTIME:Feb {1,2}3 04:05:06 2031 GMT/)
      expect(
        [...text.matchAll(/object: (\w+(?:-\w+)?) \(1\.2\.840\.113549\.1\.9/g)].map(([, name]) => name)
      ).toEqual(["contentType", "signingTime", "messageDigest"])
    })
  )

  it.scoped("names the issuer as the certificate does, in any script", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const openssl = (...args: ReadonlyArray<string>) =>
        execFileSync("openssl", args, { cwd: directory, stdio: "pipe" })
      const names = ["-utf8", "-subj", "/O=Zürich 漢 AG/OU=a+CN=Cloud Notification"]
      openssl(
        ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", ...names, "-multivalue-rdn"],
        ...["-keyout", "key", "-out", "cert"]
      )
      openssl(
        ...["pkcs12", "-export", "-in", "cert", "-inkey", "key"],
        ...["-passout", `pass:${P12_PASSWORD}`, "-out", "p12"]
      )
      const read = (name: string) => readFileSync(join(directory, name))
      const sign = CnsSigner.make(certificateOf(read("p12").toString("base64")), PLAIN)
      expect(yield* verified(yield* sign(PATH), PATH, read("cert").toString())).toBe("verified")
    })
  )

  it.scoped("writes years that need four digits so", () =>
    Effect.gen(function* () {
      const keys = yield* Keys
      yield* TestClock.setTime(Date.UTC(2050, 0, 1))
      const text = printed(yield* CnsSigner.make(certificateOf(keys.p12("client", "new")), PLAIN)(PATH))
      expect(text).toMatch(/GENERALIZEDTIME:Jan {1,2}1 00:00:00 2050 GMT/)
    })
  )

  it.effect("has the separator of the settings", () =>
    Effect.gen(function* () {
      const keys = yield* Keys
      const sign = CnsSigner.make(certificateOf(keys.p12("client", "new")), { ...PLAIN, separator: "`1" })
      expect(yield* sign(PATH)).toMatch(/^CMSURL`1 /)
    })
  )

  it.effect("is made anew for another path, and after a minute", () =>
    Effect.gen(function* () {
      const keys = yield* Keys
      const lines: Array<LogRecorder.LogLine> = []
      const sign = CnsSigner.make(certificateOf(keys.p12("client", "new")), PLAIN)
      yield* Effect.gen(function* () {
        const first = yield* sign(PATH)
        yield* TestClock.adjust(CnsSigner.SIGNATURE_AGE - 1)
        expect(yield* sign(PATH)).toBe(first)
        yield* TestClock.adjust(1)
        expect(yield* sign(PATH)).not.toBe(first)
        yield* sign("/other")
      }).pipe(Effect.provide(LogRecorder.layer(lines)))
      const signing = (path: string) => `DEBUG Signing URL [${path}] with Cert [CN=alice, O=Contoso]`
      expect(lines.map(({ level, text }) => `${level} ${text}`)).toEqual(
        [PATH, PATH, "/other"].map((path) => expect.stringContaining(signing(path)))
      )
    })
  )
})
