import { spawnSync } from "node:child_process"
import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck as fc } from "effect"
import {
  type AutodiscoverAnswer,
  type AutodiscoverProtocol,
  answerOf
} from "../../../layers/ews/AutodiscoverAnswer.ts"
import { jsonAutodiscover, jsonUrl } from "../../../layers/ews/JsonAutodiscover.ts"
import { poxAutodiscover } from "../../../layers/ews/PoxAutodiscover.ts"
import { ANSWER_LIMIT } from "../../../layers/ews/SoapAnswer.ts"
import { soapAutodiscover } from "../../../layers/ews/SoapAutodiscover.ts"
import { readDocument, readSoap } from "../../../layers/ews/SoapReader.ts"
import {
  pox,
  poxError,
  poxEws,
  poxProtocol,
  poxRedirectAddress,
  poxRedirectUrl,
  poxSettings,
  soap,
  soapEws
} from "../../support/AutodiscoverText.ts"
import { samples } from "../../support/EwsSamples.ts"
import { answer } from "../../support/FakeHttpSessions.ts"

const EWS = "https://mail.contoso.com/EWS/Exchange.asmx"
const URL_OF = {
  SOAP: "https://contoso.com/autodiscover/autodiscover.svc",
  POX: "https://contoso.com/autodiscover/autodiscover.xml",
  JSON: "https://contoso.com/autodiscover/autodiscover.json/v1.0/x?Protocol=EWS"
} as const

const read = (protocol: AutodiscoverProtocol, body: string | Uint8Array): AutodiscoverAnswer | string =>
  Either.merge(protocol.read(typeof body === "string" ? Buffer.from(body) : body))

const found = (...urls: ReadonlyArray<string>) => ({ _tag: "Found", urls, version: undefined })

describe("POX", () => {
  it("asks for the address in the schema that Outlook asks for", () => {
    const { body, headers, method } = poxAutodiscover.request("a<d>a@contoso.com", URL_OF.POX)
    expect([method, headers["content-type"], headers["x-anchormailbox"]]).toEqual([
      "POST",
      "text/xml; charset=utf-8",
      "a<d>a@contoso.com"
    ])
    expect(body).toContain("<EMailAddress>a&lt;d&gt;a@contoso.com</EMailAddress>")
    expect(Either.isRight(readDocument(body, ANSWER_LIMIT))).toBe(true)
  })

  it("takes EwsUrl before ASUrl, and what is for the outside before what is for the inside", () => {
    const inside = poxProtocol("EXCH", "<ASUrl>https://in/as</ASUrl><EwsUrl>https://in/ews</EwsUrl>")
    const outside = poxProtocol("EXPR", "<ASUrl>https://out/as</ASUrl>")
    const web = poxProtocol(
      "WEB",
      `<Internal>${poxProtocol("EXCH", "<ASUrl>https://web/in</ASUrl>")}</Internal>` +
        `<External>${poxProtocol("EXPR", "<ASUrl>https://web/out</ASUrl>")}</External>`
    )
    const http = poxProtocol("EXHTTP", "<EwsUrl> https://http/ews </EwsUrl>")
    expect(read(poxAutodiscover, poxSettings(inside))).toEqual(found("https://in/ews"))
    expect(read(poxAutodiscover, poxSettings(inside, web, http, outside))).toEqual(
      found("https://out/as", "https://http/ews", "https://web/out", "https://in/ews", "https://web/in")
    )
    expect(read(poxAutodiscover, poxSettings(poxProtocol("IMAP", "<Server>i</Server>")))).toEqual(found())
  })

  it("reads redirects, errors, and the namespaces with https that have been documented too", () => {
    expect(read(poxAutodiscover, poxRedirectUrl("https://x/autodiscover/autodiscover.xml"))).toEqual({
      _tag: "RedirectUrl",
      url: "https://x/autodiscover/autodiscover.xml"
    })
    expect(read(poxAutodiscover, poxRedirectAddress("a@b.example"))).toEqual({
      _tag: "RedirectAddress",
      address: "a@b.example"
    })
    expect(read(poxAutodiscover, pox("<Account><Action>redirectUrl</Action></Account>"))).toBe(
      "a redirect without a target"
    )
    expect(read(poxAutodiscover, poxError(600))).toEqual({ _tag: "Failed", code: "600" })
    expect(read(poxAutodiscover, poxEws(EWS).replaceAll("http:", "https:"))).toEqual(found(EWS))
  })

  it.each([
    ["nothing", "", "empty"],
    ["a page", "<html><body>hello</body></html>", "an HTML page"],
    ["a namesake", "<Autodiscover/>", "no Autodiscover answer"],
    ["another schema", poxEws(EWS).replaceAll("autodiscover/", "else/"), "no Autodiscover answer"],
    [
      "an entity",
      `<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>${poxEws("&e;")}`,
      "a document type declaration"
    ],
    ["half of one", poxEws(EWS).slice(0, -20), "not well-formed XML"],
    ["SOAP", soapEws(EWS), "no Autodiscover answer"]
  ])("does not take %s for an answer", (_, body, reason) => {
    expect(read(poxAutodiscover, body)).toBe(reason)
  })
})

describe("SOAP", () => {
  it("asks for three settings, in a form that Exchange 2010 knows", () => {
    const { body, headers } = soapAutodiscover.request("ädа&@contoso.com", URL_OF.SOAP)
    expect(headers["soapaction"]).toBe(
      '"http://schemas.microsoft.com/exchange/2010/Autodiscover/Autodiscover/GetUserSettings"'
    )
    expect(headers["x-anchormailbox"]).toBe(undefined)
    for (const part of [
      "<a:RequestedServerVersion>Exchange2010<",
      "<a:Mailbox>ädа&amp;@contoso.com<",
      "<w:To>https://contoso.com/autodiscover/autodiscover.svc<",
      "<a:Setting>ExternalEwsUrl</a:Setting><a:Setting>InternalEwsUrl</a:Setting><a:Setting>EwsSupportedSchemas</a:Setting>"
    ]) {
      expect(body).toContain(part)
    }
    expect(Either.isRight(readSoap(body, ANSWER_LIMIT))).toBe(true)
  })

  it("reads URLs and the newest version that is known", () => {
    const settings = { InternalEwsUrl: "https://in/", ExternalEwsUrl: "https://out/" }
    const both = { _tag: "Found", urls: ["https://out/", "https://in/"] }
    const versions = { EwsSupportedSchemas: "Exchange2007,  Exchange2010_SP1, Exchange2099 , Exchange2010" }
    expect(read(soapAutodiscover, soap({ settings }))).toEqual({ ...both, version: undefined })
    expect(read(soapAutodiscover, soap({ settings, server: "Exchange2013_SP1" }))).toEqual({
      ...both,
      version: "Exchange2013_SP1"
    })
    expect(
      read(soapAutodiscover, soap({ settings: { ...settings, ...versions }, server: "Exchange2016" }))
    ).toEqual({ ...both, version: "Exchange2010_SP1" })
    expect(read(soapAutodiscover, soap({ server: "Exchange2099" }))).toEqual(found())
  })

  it("reads redirects and errors, of the whole answer and of the user", () => {
    expect(read(soapAutodiscover, soap({ code: "RedirectAddress", target: "a@b.example" }))).toEqual({
      _tag: "RedirectAddress",
      address: "a@b.example"
    })
    expect(read(soapAutodiscover, soap({ code: "RedirectUrl", target: "https://x/" }))).toEqual({
      _tag: "RedirectUrl",
      url: "https://x/"
    })
    expect(read(soapAutodiscover, soap({ code: "RedirectUrl" }))).toBe("a redirect without a target")
    for (const user of [{ code: "ServerBusy" }, { overall: "ServerBusy" }]) {
      expect(read(soapAutodiscover, soap(user))).toEqual({ _tag: "Busy", retryAfter: 0 })
    }
    expect(read(soapAutodiscover, soap({ code: "InvalidUser" }))).toEqual({
      _tag: "Failed",
      code: "InvalidUser"
    })
    expect(read(soapAutodiscover, soap({ overall: "InternalServerError", code: "NoError" }))).toEqual({
      _tag: "Failed",
      code: "InternalServerError"
    })
    expect(read(soapAutodiscover, poxEws(EWS))).toBe("not a SOAP envelope")
  })
})

describe("v2", () => {
  it("puts the address, and nothing else of the user, into the URL", () => {
    expect(jsonUrl("https://x", "a/b?c@d.example")).toBe(
      "https://x/autodiscover/autodiscover.json/v1.0/a%2Fb%3Fc%40d.example?Protocol=EWS"
    )
    expect(() => jsonUrl("https://x", "\ud800@d.example")).not.toThrow()
    expect(jsonAutodiscover.request("a@d.example", "").method).toBe("GET")
  })

  it("reads a URL or an error", () => {
    expect(read(jsonAutodiscover, `\uFEFF{"Protocol":"EWS","Url":"${EWS}"}`)).toEqual(found(EWS))
    expect(read(jsonAutodiscover, '{"ErrorCode":"UserNotFound","ErrorMessage":"x"}')).toEqual({
      _tag: "Failed",
      code: "UserNotFound"
    })
    for (const body of ["", "{}", "[]", "null", '{"Url":5}', '{"Url":""}', "<html></html>"]) {
      expect(read(jsonAutodiscover, body), body).toBe("no Autodiscover answer")
    }
  })
})

describe("an HTTP answer", () => {
  const of = (status: number, body = "", headers: Record<string, string> = {}, protocol = poxAutodiscover) =>
    answerOf(protocol, URL_OF[protocol.name], answer(status, body, headers), 0)

  it("leads on by its Location, made absolute", () => {
    for (const status of [301, 302, 303, 307, 308]) {
      expect(of(status, poxEws(EWS), { location: "/x" })).toEqual({
        _tag: "RedirectUrl",
        url: "https://contoso.com/x"
      })
    }
    expect(of(302)).toEqual({ _tag: "Nothing", reason: "HTTP 302 without a Location" })
    expect(of(302, "", { location: "https://" })).toMatchObject({ _tag: "Nothing" })
    expect(of(304, "", { location: "/x" })).toEqual({ _tag: "Nothing", reason: "HTTP 304" })
  })

  it("asks to come later with 429 and 503", () => {
    expect(of(503, poxEws(EWS), { "retry-after": "7" })).toEqual({ _tag: "Busy", retryAfter: 7_000 })
    expect(of(429)).toEqual({ _tag: "Busy", retryAfter: 0 })
  })

  it("has results only with 200, errors with any status", () => {
    expect(of(200, poxEws(EWS))).toEqual(found(EWS))
    expect(of(500, poxEws(EWS))).toEqual({ _tag: "Nothing", reason: "HTTP 500" })
    expect(of(404, poxRedirectAddress("a@b.example"))).toEqual({ _tag: "Nothing", reason: "HTTP 404" })
    expect(of(400, '{"ErrorCode":"X"}', {}, jsonAutodiscover)).toEqual({ _tag: "Failed", code: "X" })
    expect(of(500, soap({ overall: "ServerBusy" }), {}, soapAutodiscover)).toMatchObject({ _tag: "Busy" })
    expect(of(404, "<html></html>")).toEqual({ _tag: "Nothing", reason: "HTTP 404" })
    expect(of(200, "<html></html>")).toEqual({ _tag: "Nothing", reason: "HTTP 200, an HTML page" })
  })

  it("never throws and never quotes a body, whatever comes", () => {
    const pieces = fc.constantFrom(
      poxEws(EWS),
      soapEws(EWS),
      poxRedirectUrl("https://[::"),
      soap({ code: "RedirectAddress", target: "@@" }),
      '{"Url":"https://x/"}',
      "<a>",
      "\u0000",
      "]]>",
      "&#x0;",
      '"'
    )
    const mangled = fc
      .tuple(fc.array(pieces, { maxLength: 3 }), fc.nat(400), fc.nat(400), fc.string())
      .map(([parts, from, length, more]) => {
        const text = parts.join("")
        return text.slice(0, from) + more + text.slice(from + length)
      })
    const header = fc.option(fc.oneof(fc.string(), fc.webUrl(), fc.constant("http://[")), { nil: undefined })
    fc.assert(
      fc.property(
        fc.constantFrom(poxAutodiscover, soapAutodiscover, jsonAutodiscover),
        fc.oneof(fc.constantFrom(200, 302, 404, 500, 503), fc.integer({ min: 100, max: 999 })),
        fc.oneof(
          mangled.map((text) => Buffer.from(text)),
          fc.uint8Array({ maxLength: 300 })
        ),
        header,
        header,
        (protocol, status, body, location, wait) => {
          const headers = { location, "retry-after": wait }
          const got = answerOf(protocol, URL_OF[protocol.name], { status, headers, body }, 0)
          if (got._tag === "Nothing")
            expect(got.reason).toMatch(/^HTTP \d+[ ,\w]*(?: a redirect without a target)?/)
          if (got._tag === "Failed") expect(got.code).toMatch(/^[\w.-]{1,40}$/)
          if (got._tag === "Busy") expect(got.retryAfter).toBeGreaterThanOrEqual(0)
          if (got._tag === "RedirectUrl" && status >= 300) expect(URL.canParse(got.url)).toBe(true)
        }
      ),
      { numRuns: 500 }
    )
  })
})

describe.skipIf(!samples.present)(`Microsoft's samples${samples.orSkipped}`, () => {
  const expected: Readonly<Record<string, readonly [AutodiscoverProtocol, unknown]>> = {
    "autodiscover-pox-response-settings.xml": [
      poxAutodiscover,
      found("https://mail.contoso.com/ews/exchange.asmx")
    ],
    "autodiscover-pox-response-error-600.xml": [poxAutodiscover, { _tag: "Failed", code: "600" }],
    "autodiscover-pox-response-redirectaddr.xml": [
      poxAutodiscover,
      { _tag: "RedirectAddress", address: "elvin@mail.contoso.com" }
    ],
    "autodiscover-pox-response-redirecturl.derived.xml": [
      poxAutodiscover,
      { _tag: "RedirectUrl", url: "https://autodiscover.mail.contoso.com/autodiscover/autodiscover.xml" }
    ],
    "autodiscover-soap-getusersettings-response.xml": [
      soapAutodiscover,
      { _tag: "Found", urls: [EWS], version: "Exchange2013" }
    ],
    "autodiscover-soap-getusersettings-response-2010.xml": [
      soapAutodiscover,
      { _tag: "Found", urls: [], version: "Exchange2010" }
    ],
    "autodiscover-soap-redirectaddress.xml": [
      soapAutodiscover,
      { _tag: "RedirectAddress", address: "elvin@mail.contoso.com" }
    ],
    "autodiscover-v2-response-200.http": [
      jsonAutodiscover,
      found("https://outlook.office365.com/autodiscover/autodiscover.xml")
    ]
  }
  const requests = samples.names(/^autodiscover-.*request/)

  it.each(samples.names(/^autodiscover-/).filter((name) => !requests.includes(name)))(
    "%s is read",
    (name) => {
      expect(expected, "a sample that no test expects").toHaveProperty([name])
      const [protocol, value] = expected[name]!
      const text = samples.read(name).toString("utf8")
      const body = name.endsWith(".http") ? text.slice(text.search(/\r?\n\r?\n/)).trim() : text
      expect(read(protocol, body)).toEqual(value)
    }
  )

  it.each(requests)("%s names the same elements, in the same order, as our request", (name) => {
    const isSoap = name.includes("soap")
    const ours = (isSoap ? soapAutodiscover : poxAutodiscover).request("a@contoso.com", URL_OF.SOAP).body
    // Settings are ours to choose.
    const names = (text: string) => {
      const flat = (element: ReturnType<typeof root>): ReadonlyArray<string> => [
        `${element.uri} ${element.local}`,
        ...element.children.flatMap(flat)
      ]
      const root = (text: string) => Either.getOrThrow(readDocument(text, ANSWER_LIMIT))
      return flat(root(text)).filter((one, index, all) => one !== all[index - 1])
    }
    expect(names(ours)).toEqual(names(samples.read(name).toString("utf8")))
  })
})

describe("requests", () => {
  const xmllint = spawnSync("xmllint", ["--version"]).status === 0
  it.skipIf(!xmllint)(
    `are well-formed for whatever address${xmllint ? "" : " [SKIPPED: no xmllint]"}`,
    () => {
      fc.assert(
        fc.property(fc.string({ unit: "binary", maxLength: 20 }), (address) => {
          for (const protocol of [soapAutodiscover, poxAutodiscover]) {
            const { body } = protocol.request(address, URL_OF[protocol.name])
            const { status, stderr } = spawnSync("xmllint", ["--noout", "-"], { input: body })
            expect(status, String(stderr)).toBe(0)
          }
        }),
        { numRuns: 20 }
      )
    }
  )
})
