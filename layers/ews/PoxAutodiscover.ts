import { Either } from "effect"
import type { AutodiscoverAnswer, AutodiscoverProtocol } from "./AutodiscoverAnswer.ts"
import { codeText } from "./AutodiscoverAnswer.ts"
import { anchorHeader } from "./AutodiscoverHeaders.ts"
import { ANSWER_LIMIT } from "./SoapAnswer.ts"
import { readDocument, type SoapElement } from "./SoapReader.ts"
import { escaped } from "./XmlText.ts"

/**
 * Autodiscover in plain old XML ([MS-OXDSCLI]; FACTS section 9), which every Exchange since 2007 speaks. It names no
 * version.
 */
export const poxAutodiscover: AutodiscoverProtocol = {
  name: "POX",
  request: (address) => ({
    operation: "Autodiscover (POX)",
    method: "POST",
    headers: { "content-type": "text/xml; charset=utf-8", accept: "text/xml", ...anchorHeader(address) },
    body: [
      '<?xml version="1.0" encoding="utf-8"?>',
      '<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006">',
      `<Request><EMailAddress>${escaped(address)}</EMailAddress>`,
      "<AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema>",
      "</Request></Autodiscover>"
    ].join("")
  }),
  read: (body) => Either.flatMap(readDocument(body, ANSWER_LIMIT), answerIn)
}

const answerIn = (root: SoapElement): Either.Either<AutodiscoverAnswer, string> => {
  const response = root.local === "Autodiscover" && isAutodiscover(root) ? named(root, "Response") : undefined
  if (response === undefined) return Either.left("no Autodiscover answer")
  const error = named(response, "Error")
  if (error !== undefined) {
    return Either.right({ _tag: "Failed", code: codeText(named(error, "ErrorCode")?.text) })
  }
  const account = named(response, "Account")
  const redirectUrl = textIn(account, "RedirectUrl")
  const redirectAddress = textIn(account, "RedirectAddr")
  switch (textIn(account, "Action")?.toLowerCase()) {
    case "redirecturl":
      return redirectUrl === undefined
        ? Either.left("a redirect without a target")
        : Either.right({ _tag: "RedirectUrl", url: redirectUrl })
    case "redirectaddr":
      return redirectAddress === undefined
        ? Either.left("a redirect without a target")
        : Either.right({ _tag: "RedirectAddress", address: redirectAddress })
    default:
      return Either.right({ _tag: "Found", urls: ewsUrls(account), version: undefined })
  }
}

/**
 * By place: what is for the outside first, then what is for the inside of the organisation; in each protocol EwsUrl, which
 * older servers do not have, before ASUrl, the availability service at the same place.
 */
const ewsUrls = (account: SoapElement | undefined): ReadonlyArray<string> => {
  const found: Array<{ readonly rank: number; readonly url: string }> = []
  const take = (protocol: SoapElement, rank: number) => {
    const url = textIn(protocol, "EwsUrl") ?? textIn(protocol, "ASUrl")
    if (url !== undefined) found.push({ rank, url })
  }
  for (const protocol of all(account, "Protocol")) {
    const type = textIn(protocol, "Type")?.toUpperCase() ?? protocol.attributes.get("Type")?.toUpperCase()
    take(protocol, OUTSIDE.get(type ?? "") ?? INSIDE)
    for (const inner of all(named(protocol, "External"), "Protocol")) take(inner, OUTSIDE.get("WEB")!)
    for (const inner of all(named(protocol, "Internal"), "Protocol")) take(inner, INSIDE)
  }
  return [...new Set(found.toSorted((a, b) => a.rank - b.rank).map(({ url }) => url))].slice(0, URLS_MAX)
}

const OUTSIDE: ReadonlyMap<string, number> = new Map([
  ["EXPR", 0],
  ["EXHTTP", 1],
  ["WEB", 2]
])
const INSIDE = 3
const URLS_MAX = 16

/** Microsoft's documents have also shown the namespaces with https. */
const isAutodiscover = ({ uri }: SoapElement) =>
  /^https?:\/\/schemas\.microsoft\.com\/exchange\/autodiscover\//.test(uri)

const all = (element: SoapElement | undefined, local: string) =>
  (element?.children ?? []).filter((one) => one.local === local && isAutodiscover(one))

const named = (element: SoapElement | undefined, local: string) => all(element, local)[0]

const textIn = (element: SoapElement | undefined, local: string) => {
  const text = named(element, local)?.text.trim()
  return text === "" ? undefined : text
}
