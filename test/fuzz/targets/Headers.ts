import type { Socket } from "node:net"
import { Effect, Either, Exit } from "effect"
import { logged } from "../../../layers/ews/AnswerLog.ts"
import type { Connection } from "../../../layers/ews/Connection.ts"
import { COOKIE_BYTES_MAX, COOKIES_MAX, Cookies } from "../../../layers/ews/Cookies.ts"
import { EwsUrlNotAllowed } from "../../../layers/ews/EndpointPolicy.ts"
import { endpointRules } from "../../../layers/ews/EndpointRules.ts"
import { chooseLogIn } from "../../../layers/ews/LogIn.ts"
import { ntlmHandshake } from "../../../layers/ews/NtlmHandshake.ts"
import { followed } from "../../../layers/ews/Redirects.ts"
import { type HttpAnswer, offeredSchemes } from "../../../layers/ews/SoapAnswer.ts"
import { skewTold } from "../../../layers/net/ClockSkew.ts"
import { challenge } from "../../../layers/net/NtlmServer.ts"
import { RETRY_AFTER_MAX, retryAfter } from "../../../layers/net/RetryAfter.ts"
import { TenantNumber } from "../../../schemas/Ids.ts"
import { wrapChallenge } from "../../../src/sandbox/Spnego.ts"
import { headerOf, httpAnswer, httpText } from "../HttpText.ts"
import { realMessages } from "../Samples.ts"
import { check, checkWords, own, type Target } from "../Target.ts"

const NOW = 1_700_000_000_000
const SITE = { operation: "GetItem", host: "mail.example.com" }
const FROM = { url: "https://mail.example.com/EWS/Exchange.asmx", listed: false, pins: [], seg: false }
const rules = endpointRules({ ewsAllowedHosts: [], segHosts: [] })({
  tenant: TenantNumber.make(1),
  name: "t",
  ewsUrls: [],
  ewsPins: [],
  seg: false
})
const ntlm = challenge({
  serverChallenge: Buffer.alloc(8, 5),
  netbiosDomain: "D",
  netbiosComputer: "C",
  now: NOW
})

/** Headers of EWS' answers: what is offered for logging in, cookies, waits, redirects, clocks, ids for the log. */
export const target: Target = {
  name: "headers",
  form: "text",
  words: [
    "\nwww-authenticate: ",
    "\nset-cookie: ",
    "\nlocation: ",
    "\nretry-after: ",
    "NTLM ",
    "Negotiate ",
    'Basic realm="',
    '"',
    "\\",
    ",",
    "; Max-Age=0",
    "; Expires=",
    "; Secure",
    "=",
    "https://mail.example.com/EWS/Exchange.asmx",
    "//169.254.169.254/exchange.asmx",
    "Tue, 14 Nov 2023 22:13:20 GMT",
    "@"
  ],
  seeds: () => [
    ...own(
      httpText(401, { "www-authenticate": `NTLM ${ntlm.toString("base64")}` }, ""),
      httpText(
        401,
        { "www-authenticate": `Negotiate ${wrapChallenge(ntlm).toString("base64")}, Basic realm="a, \\"b"` },
        ""
      ),
      httpText(
        200,
        { "set-cookie": "X-BackEndOverrideCookie=a~1; Path=/EWS; Secure; HttpOnly; Max-Age=30", date: "x" },
        ""
      ),
      httpText(200, { "set-cookie": "a=b; Expires=Tue, 14 Nov 2030 22:13:20 GMT", "Set-Cookie": "c=d" }, ""),
      httpText(302, { location: "/ews/exchange.asmx#x", "retry-after": "Tue, 14 Nov 2023 22:13:50 GMT" }, ""),
      httpText(
        503,
        {
          "retry-after": "120",
          "x-ms-diagnostics": '2000001;reason="a";error_category="token_expired"',
          "request-id": "1"
        },
        ""
      )
    ),
    ...realMessages(/-response\.http$/)
  ],
  run: (input) => {
    const answer = httpAnswer(input)
    const offered = offeredSchemes(answer)
    check(offered.length <= 8, "offers are few")
    for (const secure of [true, false]) {
      chooseLogIn({
        means: { by: "password", certificate: false },
        setting: "auto",
        secure,
        seg: false,
        offered
      })
    }
    checkCookies(answer)
    const wait = retryAfter(headerOf(answer, "retry-after"), NOW)
    check(wait >= 0 && wait <= RETRY_AFTER_MAX, "no wait is longer than allowed")
    const skew = skewTold(headerOf(answer, "date"), NOW)
    if (skew !== undefined) checkWords(skew, "the skew", 100)
    Effect.runSync(logged(SITE, answer))
    checkRedirect(answer)
    checkNtlm(answer, "NTLM")
    checkNtlm(answer, "Negotiate")
  }
}

const checkCookies = (answer: HttpAnswer) => {
  const url = new URL(FROM.url)
  const cookies = new Cookies()
  cookies.store(url, answer.headers["set-cookie"], NOW)
  cookies.store(url, answer.headers["set-cookie"], NOW)
  const header = cookies.headerFor(url)
  check(
    cookies.headerFor(new URL("https://other.example.com/")) === undefined,
    "cookies go back to their origin alone"
  )
  if (header === undefined) return
  check(/^[\x20-\x7e]+$/.test(header), "cookies fit into a header")
  check(
    header.split("; ").length <= COOKIES_MAX * 2 && header.length <= COOKIE_BYTES_MAX + 3 * COOKIES_MAX,
    "cookies are bounded"
  )
}

const checkRedirect = (answer: HttpAnswer) => {
  const exit = Effect.runSyncExit(
    followed(SITE, FROM, answer, (url) => {
      const endpoint = rules.find(URL.parse(url) ?? undefined)
      return endpoint === undefined
        ? Effect.fail(new EwsUrlNotAllowed({ host: "x" }))
        : Effect.succeed(endpoint)
    })
  )
  if (Exit.isSuccess(exit)) {
    const url = new URL(exit.value.url)
    check(url.origin === "https://mail.example.com", "an unlisted host speaks for itself alone")
    check(/\/exchange\.asmx$/i.test(url.pathname), "credentials go to EWS alone")
  } else
    check(exit.cause._tag === "Fail" && exit.cause.error._tag === "EwsUnusable", "the failure is EwsUnusable")
}

/** No more than a socket's identity is asked of it. */
const connection = { cling: () => {}, loggedIn: () => {}, socket: {} as Socket } as Connection

const checkNtlm = (answer: HttpAnswer, scheme: "NTLM" | "Negotiate") => {
  const outcome = Effect.runSync(
    Effect.either(
      ntlmHandshake({
        scheme,
        connection,
        credentials: { address: "ann@example.com", password: "secret" },
        bound: false,
        hostname: "mail.example.com",
        send: ({ authorization }) => {
          check(/^(NTLM|Negotiate) [A-Za-z0-9+/]+=*$/.test(authorization), "a log-in fits into a header")
          return Effect.succeed(answer)
        }
      })
    )
  )
  if (Either.isRight(outcome) && outcome.right._tag === "Unusable")
    checkWords(outcome.right.reason, "the reason", 80)
}
