import { claimOf, encodeHeader, HEADER_BYTES, headerOf } from "../../../layers/crypto/CallbackHeader.ts"
import { CallbackMac, URL_LIMIT } from "../../../layers/crypto/CallbackMac.ts"
import type { SealMode } from "../../../layers/crypto/CallbackSeal.ts"
import { Generation, TenantNumber, UserNumber } from "../../../schemas/Ids.ts"
import { makeIsCallback, parseCallbackQuery } from "../../../src/http/CallbackUrl.ts"
import { check, own, type Target } from "../Target.ts"

const mac = new CallbackMac(Buffer.alloc(32, 7))
const isCallback = makeIsCallback(["/MailNotificationService/api/ens", "/ens"])
/** What was signed: nothing else may be taken for it. */
const signed = new Set<string>()

const targetOf = (user: string, mode: SealMode, generation: number, body: string): string => {
  const header = {
    mode,
    keyId: Buffer.alloc(4, 3),
    tenant: TenantNumber.make(2),
    generation: Generation.make(generation)
  }
  const f = Buffer.concat([encodeHeader(header), Buffer.from(body)]).toString("base64url")
  const s = mac.sign(UserNumber.make(user), header, f)
  signed.add([user, f, s].join(" "))
  return `/ens/PushNotificationListener?id=${user}&f=${f}&s=${s}`
}

/** Targets of requests to the callback endpoint: only what we signed is taken. */
export const target: Target = {
  name: "callback-url",
  form: "text",
  longest: 6_000,
  words: [
    "?",
    "&",
    "id=",
    "f=",
    "s=",
    "%",
    "%2B",
    "%zz",
    "=",
    "+",
    "//",
    "/",
    "#",
    "http://x",
    "-",
    "_",
    "A",
    "AQE",
    "0"
  ],
  seeds: () => {
    const urls = [
      targetOf("7", "sealed", 1, "x".repeat(60)),
      targetOf("123456789012345", "rsa", 2 ** 47, "y".repeat(256)),
      targetOf("1", "split", 0, "z".repeat(32)),
      targetOf("42", "sealed", 5, "")
    ]
    const escapedUrl = urls[0]!.replace(/-|_/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`)
    return own(...urls, escapedUrl, urls[1]!.replace("/ens/", "https://ens.example.com//ens/"))
  },
  run: (input) => {
    const url = input.toString("latin1")
    isCallback(url)
    const query = parseCallbackQuery(url)
    if (query === undefined) return
    const { f, id, s } = query
    check(f.length + id.length + s.length <= 4096, "a query is bounded")
    const address = mac.verify(id, f, s)
    const claim = claimOf(f)
    const header = headerOf(f)
    check(claim !== undefined || header === undefined, "what has a header makes a claim")
    if (header !== undefined) {
      const start = encodeHeader(header).toString("base64url")
      check(
        f.startsWith(start) && start.length === (HEADER_BYTES / 3) * 4,
        "a header is written as it is read"
      )
      check(
        Number.isSafeInteger(header.tenant) && Number.isSafeInteger(header.generation),
        "numbers are whole"
      )
    }
    if (address === undefined) {
      check(!signed.has([id, f, s].join(" ")), "what we signed is taken")
      return
    }
    check(signed.has([id, f, s].join(" ")), "what we did not sign is not taken")
    check(f.length < URL_LIMIT, "f is bounded")
  }
}
