import { deepStrictEqual } from "node:assert"
import { Duration, Either, Redacted } from "effect"
import { parseEgressProxy } from "../../../layers/net/EgressProxy.ts"
import { makeHostList } from "../../../layers/net/HostList.ts"
import { withoutValues } from "../../../layers/storage/mssql/MssqlFailureOf.ts"
import { locationOf, parseMssqlUrl } from "../../../layers/storage/mssql/MssqlUrl.ts"
import * as Parse from "../../../src/config/Parse.ts"
import { check, checkWords, own, type Target } from "../Target.ts"

const [MIN, MAX] = [Duration.millis(1), Duration.days(3650)]
const word = Parse.oneOf("auto", "basic", "ntlm")

/** Texts of settings, and a server's words that go into the log: one text to all of them. What is printed is read as the same. */
export const target: Target = {
  name: "settings",
  form: "text",
  words: [
    " ",
    ",",
    "=",
    "/",
    ":",
    "%",
    "%zz",
    "never",
    "off",
    "burst",
    "seconds",
    "days",
    "kB",
    "http://",
    "mssql://",
    "@",
    "[::1]",
    "10.0.0.0/8",
    "'1,",
    "value '",
    "syntax for type ",
    "The duplicate key value is",
    "\0"
  ],
  seeds: () =>
    own(
      "10 seconds",
      "1.5 days",
      "never",
      "100 MB",
      "60/minute burst 120",
      "off",
      "0.5",
      "8080",
      "/api/ens,/MailNotificationService/api/ens",
      "mail.example.com,10.1.0.0/16,2001:db8::/32",
      "auto,mail.example.com=basic",
      "com.example.a=x,y",
      `${"AB:".repeat(31)}AB`,
      "'1,sha256",
      "https://ens.example.com/MailNotificationService/",
      "http://DOMAIN%5Cann:p%40ss@proxy.example.com:3128",
      "mssql://ens:p%40ss@db.example.com:1433/ENS?encrypt=strict&poolSize=5",
      "a=b%20c,d=e",
      `Violation of UNIQUE KEY constraint. The duplicate key value is (a). Conversion failed when converting the varchar value 'x' to int`
    ),
  run: (input) => {
    check(withoutValues(input.toString("utf8")).length <= 500, "a server's message is cut")
    // An environment variable has at most 128 KB.
    const text = input.toString("utf8", 0, 131_072)
    for (const parse of PLAIN) said(parse(text))
    printed(Parse.duration(MIN, MAX), Parse.durationText, text)
    printed(Parse.durationOrNever(MIN, MAX), Parse.durationOrNeverText, text)
    printed(Parse.rateOrOff, Parse.rateOrOffText, text)
    printed(Parse.perHost(word, "auto"), Parse.perHostText, text)
    printed(Parse.perApp, Parse.perAppText, text)
    printed(Parse.otelAttributes, Parse.otelAttributesText, text)
    const size = Parse.sizeOrNever(1, 1024 ** 5)(text)
    if (Either.isRight(size))
      check(
        Either.isRight(Parse.sizeOrNever(1, 1024 ** 5)(Parse.sizeOrNeverText(size.right))),
        "a size is printed as it is read"
      )
    const list = makeHostList(text.split(","))
    list.includes(text)
    check(!list.includes("host-that-nobody.names.example"), "a list holds what was given")
    said(parseEgressProxy(Redacted.make(text), []))
    const database = parseMssqlUrl(Redacted.make(text))
    said(database)
    if (Either.isRight(database)) locationOf(database.right)
  }
}

const PLAIN: ReadonlyArray<Parse.Parse<unknown>> = [
  Parse.text,
  word,
  Parse.integer(0, 10),
  Parse.minutes(1440),
  Parse.list(Parse.path),
  Parse.path,
  Parse.hostOrCidr,
  Parse.addressOrCidr,
  Parse.list(Parse.fingerprint),
  Parse.cms,
  Parse.headerName,
  Parse.httpUrl,
  Parse.webUrl,
  Parse.otelHeaders,
  Parse.share
]

const said = (read: Either.Either<unknown, string>) => {
  if (Either.isLeft(read)) checkWords(read.left, "what a setting must be", 400)
}

const printed = <A>(parse: Parse.Parse<A>, print: (value: A) => string, text: string) => {
  const read = parse(text)
  said(read)
  if (Either.isLeft(read)) return
  const again = parse(print(read.right))
  check(Either.isRight(again), "what is printed can be read")
  if (Either.isRight(again)) deepStrictEqual(again.right, read.right)
}
