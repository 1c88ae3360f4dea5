import { execFileSync } from "node:child_process"
import { X509Certificate } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeCns } from "../../../src/sandbox/Cns.ts"
import { signatureProblem } from "../../../src/sandbox/CnsSignature.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"
import * as TestCertificate from "../../support/TestCertificate.ts"

const PATH = "/nws/notify/apns"
const pair = TestCertificate.make("client.example.com")
const other = TestCertificate.make("other.example.com")
const known = new X509Certificate(pair.cert)

/** As openssl signs: it adds S/MIME capabilities to the attributes. */
const signed = (content: string, by = pair, ...more: ReadonlyArray<string>) =>
  Effect.map(temporaryDirectory, (directory) => {
    const at = (name: string, text?: string) => {
      const file = join(directory, name)
      if (text !== undefined) writeFileSync(file, text)
      return file
    }
    const signer = ["-signer", at("cert", by.cert), "-inkey", at("key", by.key), ...more]
    const sign = ["cms", "-sign", "-binary", "-outform", "DER", "-in", at("content", content), ...signer]
    return `CMSURL\`1 ${execFileSync("openssl", sign).toString("base64")}`
  })

describe("the signature check of the CNS stand-in", () => {
  it.scoped("accepts what openssl signs over the path", () =>
    Effect.gen(function* () {
      for (const digest of ["sha256", "sha1"])
        expect(signatureProblem(yield* signed(PATH, pair, "-md", digest), PATH, known)).toBeUndefined()
    })
  )

  it.scoped("says what is wrong with others", () =>
    Effect.gen(function* () {
      const right = yield* signed(PATH)
      const bytes = Buffer.from(right.split(" ")[1] ?? "", "base64")
      bytes[bytes.length - 1]! ^= 1
      const cases: ReadonlyArray<readonly [string | undefined, string]> = [
        [undefined, "no CMSURL signature"],
        ["Bearer abc", "no CMSURL signature"],
        ["CMSURL'1 AAAA", "not a CMS signature"],
        [`CMSURL'1 ${known.raw.toString("base64")}`, "not a CMS signature"],
        [yield* signed(`${PATH}?x`), `not a signature over ${PATH}`],
        [yield* signed(PATH, other), "signed by another certificate"],
        [yield* signed(PATH, pair, "-nodetach"), "the signature is not detached"],
        [yield* signed(PATH, pair, "-md", "sha512"), "a digest other than SHA-256 and SHA-1"],
        [`CMSURL'1 ${bytes.toString("base64")}`, "the signature is wrong"]
      ]
      for (const [header, problem] of cases) expect(signatureProblem(header, PATH, known)).toBe(problem)
    })
  )

  it.scopedLive("decides who is let in, if the stand-in knows a certificate", () =>
    Effect.gen(function* () {
      const cns = yield* makeCns({ clientCert: pair.cert })
      const post = (authorization: string) =>
        Effect.promise(async () => {
          const answer = await fetch(cns.url, { method: "POST", headers: { authorization }, body: "{}" })
          return { http: answer.status, body: await answer.json() }
        })
      expect(yield* post(yield* signed(PATH, other))).toEqual({
        http: 401,
        body: { code: 2007, message: "Unable to verify if the signer cert as trusted." }
      })
      // The body is wrong, and that is asked next.
      expect((yield* post(yield* signed(PATH))).http).toBe(400)
      expect(cns.requests()).toMatchObject([
        { signed: false, reason: "signed by another certificate" },
        { signed: true }
      ])
    })
  )
})
