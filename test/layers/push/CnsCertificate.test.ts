import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, FastCheck, Redacted } from "effect"
import * as CnsCertificate from "../../../layers/push/CnsCertificate.ts"
import { CONFIG_XML_MAX, findInXml } from "../../../layers/push/CnsConfigXml.ts"
import { configXml, P12_PASSWORD, p12 } from "../../support/CnsConfigXml.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"

const acme = p12("AW Cloud Notification - acme")
const legacy = p12("AW Cloud Notification - old", "legacy")
const other = p12("Somebody else")
const base64 = acme.toString("base64")

/** What is read from a file with this in it: the certificate's subject, or the problem. */
const read = (content: string | Buffer, password: string | undefined = P12_PASSWORD) =>
  Effect.gen(function* () {
    const file = join(yield* temporaryDirectory, "config.xml")
    writeFileSync(file, content)
    return yield* CnsCertificate.read({
      file,
      password: password === "" ? undefined : Redacted.make(password),
      setting: "ENS_CNS_CONFIG_FILE",
      passwordSetting: "ENS_CNS_CERT_PASSWORD"
    }).pipe(
      Effect.map(({ certificate }) => CnsCertificate.subjectOf(certificate)),
      Effect.catchAll(({ problem }) => Effect.succeed(problem.replace(file, "FILE")))
    )
  })

const ACME = "CN=AW Cloud Notification - acme"

describe("the CNS certificate", () => {
  const accepted: ReadonlyArray<readonly [string, string | Buffer, string]> = [
    ["a PKCS#12 file", acme, ACME],
    ["a PKCS#12 file as old Windows exports it", legacy, "CN=AW Cloud Notification - old"],
    ["an element, in lines", configXml(acme), ACME],
    ["an old one in an element", configXml(legacy), "CN=AW Cloud Notification - old"],
    ["an element with CDATA", `<a><b><![CDATA[${base64}]]></b></a>`, ACME],
    ["an attribute", `<a><b value="${base64}"/></a>`, ACME],
    ["UTF-8 with a byte order mark", `\uFEFF${configXml(acme)}`, ACME],
    ["UTF-16", Buffer.from(`\uFEFF${configXml(acme)}`, "utf16le"), ACME],
    ["UTF-16, the other way round", Buffer.from(`\uFEFF${configXml(acme)}`, "utf16le").swap16(), ACME],
    ["beside other certificates", configXml(other, acme), ACME],
    ["alone for something else", configXml(other), "CN=Somebody else"],
    ["beside long texts that are none", `<a><b>${"QUJD".repeat(500)}</b><c>${base64}</c></a>`, ACME]
  ]
  for (const [what, content, subject] of accepted)
    it.scoped(`is found: ${what}`, () =>
      Effect.gen(function* () {
        expect(yield* read(content)).toBe(subject)
      })
    )

  const refused: ReadonlyArray<readonly [string, string | Buffer, RegExp, string?]> = [
    [
      "a wrong password",
      configXml(acme),
      /^the password does not open FILE; correct ENS_CNS_CERT_PASSWORD/,
      "guess"
    ],
    ["no password", acme, /^FILE wants the password .* give it with ENS_CNS_CERT_PASSWORD$/, ""],
    ["a file without one", configXml(), /^FILE holds no certificate; ENS_CNS_CONFIG_FILE must name/],
    ["long texts that are none", `<a>${"QUJD".repeat(500)}</a>`, /^FILE holds no PKCS#12 file/],
    ["a PKCS#12 file that is cut off", acme.subarray(0, 900), /^FILE holds no PKCS#12 file/],
    ["what is no XML", "hello", /^FILE cannot be used, it is no well-formed XML/],
    ["XML that is cut off", configXml(acme).slice(0, -20), /no well-formed XML/],
    ["a document type", `<!DOCTYPE a [<!ENTITY b "${base64}">]><a>&b;</a>`, /has a document type/],
    ["an unknown entity", "<a>&b;</a>", /no well-formed XML/],
    ["a ZIP archive", Buffer.from("PK\u0003\u0004..."), /^FILE is a ZIP archive; unpack it first$/],
    ["an empty file", "", /no well-formed XML/],
    ["a file that is too large", `<a>${" ".repeat(CONFIG_XML_MAX)}</a>`, /^FILE is larger than 1048576 bytes/]
  ]
  for (const [what, content, problem, password] of refused)
    it.scoped(`is not found, with one line that says what to do: ${what}`, () =>
      Effect.gen(function* () {
        const said = yield* read(content, password)
        expect(said).toMatch(problem)
        expect(said).not.toContain("\n")
      })
    )
})

describe("config.xml", () => {
  const name = FastCheck.stringMatching(/^[A-Za-z_][\w.-]{0,10}$/)

  it("gives the certificate out of any element, however deep and however its lines are broken", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.array(name, { minLength: 1, maxLength: 6 }),
        FastCheck.integer({ min: 20, max: 200 }),
        FastCheck.constantFrom("\n", "\r\n", " ", "\n\t\t"),
        (path, width, gap) => {
          const text = base64.match(new RegExp(`.{1,${width}}`, "g"))?.join(gap) ?? ""
          const xml = path.reduceRight((inner, tag) => `<${tag}><x>1</x>${inner}</${tag}>`, `<p>${text}</p>`)
          expect(findInXml(Buffer.from(xml))).toEqual({ _tag: "Found", texts: [base64] })
        }
      )
    )
  })

  it("is read without ever failing in another way, and gives no more than 16 texts", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(["Found", "Unreadable"]).toContain(findInXml(Buffer.from(bytes))._tag)
      })
    )
    const many = `<a>${`<b>${base64}</b>`.repeat(100)}</a>`
    expect(findInXml(Buffer.from(many))).toMatchObject({ texts: { length: 16 } })
  })
})
