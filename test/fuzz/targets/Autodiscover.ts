import {
  type AutodiscoverAnswer,
  type AutodiscoverProtocol,
  answerOf
} from "../../../layers/ews/AutodiscoverAnswer.ts"
import {
  type Candidate,
  candidatesFor,
  endpointOf,
  identityOf,
  redirectCandidate,
  srvCandidate
} from "../../../layers/ews/AutodiscoverCandidates.ts"
import { endpointRules, mayBeUnlisted, readEndpoint } from "../../../layers/ews/EndpointRules.ts"
import { jsonAutodiscover } from "../../../layers/ews/JsonAutodiscover.ts"
import { poxAutodiscover } from "../../../layers/ews/PoxAutodiscover.ts"
import { soapAutodiscover } from "../../../layers/ews/SoapAutodiscover.ts"
import { bestRecord } from "../../../layers/ews/SrvRecords.ts"
import { partsOf } from "../../../layers/ews/UrlParts.ts"
import { RETRY_AFTER_MAX } from "../../../layers/net/RetryAfter.ts"
import { EXCHANGE_VERSIONS } from "../../../schemas/EwsMessage.ts"
import { TenantNumber } from "../../../schemas/Ids.ts"
import {
  poxError,
  poxEws,
  poxRedirectAddress,
  poxRedirectUrl,
  soap,
  soapEws
} from "../../support/AutodiscoverText.ts"
import { headerOf, httpAnswer, httpText } from "../HttpText.ts"
import { realMessages, XML_WORDS } from "../Samples.ts"
import { check, checkWords, own, type Target } from "../Target.ts"

const NOW = 1_700_000_000_000
const ADDRESS = "ann@example.com"
const URL_OF_SERVICE = "https://autodiscover.example.com/autodiscover/autodiscover.xml"
const rules = endpointRules({ ewsAllowedHosts: [], segHosts: [] })({
  tenant: TenantNumber.make(1),
  name: "t",
  ewsUrls: [],
  ewsPins: [],
  seg: false
})

/** Answers of Autodiscover in its three protocols, redirects, SRV records (header `srv`): where credentials would go next. */
export const target: Target = {
  name: "autodiscover",
  form: "xml",
  words: [
    ...XML_WORDS,
    "200\n",
    "302\n",
    "\nlocation: ",
    "https://example.com/autodiscover/autodiscover.xml",
    "https://mail.example.com/EWS/Exchange.asmx",
    "https://0x7f.1/EWS/Exchange.asmx",
    "https://[::ffff:10.0.0.1]/autodiscover/autodiscover.svc",
    "http://",
    "javascript:",
    "@",
    "ann@sub.example.com",
    "redirectAddr",
    "redirectUrl",
    "RedirectTarget",
    '{"Url":"https://outlook.office365.com/EWS/Exchange.asmx"}',
    '{"ErrorCode":"x"}'
  ],
  seeds: () => {
    const url = "https://mail.example.com/EWS/Exchange.asmx"
    const service = "https://autodiscover-s.outlook.com/autodiscover/autodiscover.xml"
    return [
      ...own(
        ...[
          poxEws(url),
          poxRedirectUrl(service),
          poxRedirectAddress("ann@sub.example.com"),
          poxError(600),
          soapEws(url),
          soap({ code: "RedirectUrl", target: service }),
          soap({ code: "RedirectAddress", target: "ann@b.example.org", server: "15.02.0858.010" }),
          soap({ overall: "ServerBusy" }),
          JSON.stringify({ Protocol: "EWS", Url: url }),
          JSON.stringify({ ErrorCode: "InvalidRequest", ErrorMessage: "no" })
        ].map((body) => httpText(200, {}, body)),
        httpText(302, { location: "/autodiscover/autodiscover.json/v1.0/x?Protocol=EWS" }, ""),
        httpText(503, { "retry-after": "30", srv: "autodiscover.example.com. 443 0 5" }, "")
      ),
      ...realMessages(/^autodiscover-.*response.*\.xml$|^autodiscover-soap-redirect/, (body) =>
        httpText(200, {}, body)
      ),
      ...realMessages(/^autodiscover-v2-response.*\.http$/)
    ]
  },
  run: (input) => {
    const answer = httpAnswer(input)
    for (const protocol of PROTOCOLS) checkAnswer(answerOf(protocol, URL_OF_SERVICE, answer, NOW))
    const location = headerOf(answer, "location")
    if (location !== undefined) checkCandidate(redirectCandidate(location, ADDRESS, "open"))
    checkRecord(headerOf(answer, "srv") ?? "")
  }
}

const PROTOCOLS: ReadonlyArray<AutodiscoverProtocol> = [soapAutodiscover, poxAutodiscover, jsonAutodiscover]

const checkAnswer = (answer: AutodiscoverAnswer) => {
  switch (answer._tag) {
    case "Found":
      check(answer.urls.length <= 16, "URLs are few")
      check(answer.version === undefined || EXCHANGE_VERSIONS.includes(answer.version), "a version is known")
      for (const url of answer.urls) {
        const endpoint = rules.find(readEndpoint(url))
        if (endpoint !== undefined) checkUrl(endpoint.url)
      }
      return
    case "RedirectUrl":
      return checkCandidate(redirectCandidate(answer.url, ADDRESS, "secure"))
    case "RedirectAddress":
      for (const candidate of candidatesFor(answer.address)) checkCandidate(candidate)
      return
    case "Failed":
      return check(/^[\w.-]{1,40}$/.test(answer.code), "a code is a short name")
    case "Busy":
      return check(
        answer.retryAfter >= 0 && answer.retryAfter <= RETRY_AFTER_MAX,
        "no wait is longer than allowed"
      )
    case "Nothing":
      return checkWords(answer.reason, "the reason", 100)
  }
}

const checkCandidate = (candidate: Candidate | undefined) => {
  if (candidate === undefined) return
  check(identityOf(candidate).length > 0, "a candidate has an identity")
  if (candidate._tag === "PlainHttp" || candidate._tag === "Srv") return
  const url = candidate._tag === "Service" ? `${candidate.base}.xml` : candidate.url
  const endpoint = endpointOf(rules, url, candidate.channel, candidate.address)
  if (endpoint === undefined) return
  checkUrl(endpoint.url)
  if (candidate.channel === "open") {
    const { hostname } = new URL(endpoint.url)
    check(
      /(^|\.)(example\.com|outlook\.com|office365\.com)$/.test(hostname),
      "what DNS names lies in the domain"
    )
  }
}

/** Nobody has listed anything: https, on the usual port, of a public host. */
const checkUrl = (text: string) => {
  const url = new URL(text)
  check(
    mayBeUnlisted(url) && url.protocol === "https:" && url.port === "",
    "what nobody listed is public, on port 443"
  )
  check(url.username === "" && url.password === "", "a URL has no name and password")
  check(partsOf(text)?.url.href === url.href, "a URL's parts are its own")
}

const checkRecord = (text: string) => {
  const records = text.split(",").map((part) => {
    const [name = "", port, priority, weight] = part.trim().split(/\s+/)
    return {
      name,
      port: Number(port) & 0xffff,
      priority: Number(priority) & 0xffff,
      weight: Number(weight) & 0xffff
    }
  })
  const best = bestRecord(records, ({ host, port }) => srvCandidate(host, port, ADDRESS) !== undefined)
  if (best !== undefined) checkCandidate(srvCandidate(best.host, best.port, ADDRESS))
}
