import { type Finding, UNKNOWN_ADDRESS } from "./AutodiscoverFinding.ts"
import { type Answer, bare } from "./ExchangeAnswer.ts"

/**
 * The address that a version 2 request asks about: `…/autodiscover.json/v1.0/<address>?Protocol=` or
 * `…/autodiscover.json?Email=<address>&Protocol=`; undefined if it is neither.
 */
export const addressInJson = (url: URL): string | undefined => {
  const address = IN_PATH.exec(url.pathname)?.[1]
  const text = address === undefined ? parameter(url, "email") : decoded(address)
  return text?.includes("@") === true ? text : undefined
}

/** What was found, as an answer to the request for `url`. */
export const writeJson = (finding: Finding, url: URL): Answer => {
  const protocol = parameter(url, "protocol") ?? ""
  switch (finding._tag) {
    case "Settings": {
      const found =
        protocol.toLowerCase() === "ews"
          ? finding.ewsUrl
          : protocol.toLowerCase() === "autodiscoverv1"
            ? `${finding.origin}/autodiscover/autodiscover.xml`
            : undefined
      return found === undefined
        ? json(400, {
            ErrorCode: "InvalidProtocol",
            ErrorMessage: `The protocol '${protocol}' is not known.`
          })
        : json(200, { Protocol: protocol, Url: found })
    }
    case "RedirectAddress":
      return bare(302, {
        Location: `/autodiscover/autodiscover.json/v1.0/${encodeURIComponent(finding.address)}?Protocol=${encodeURIComponent(protocol)}&RedirectCount=1`
      })
    case "RedirectUrl":
      return bare(302, { Location: finding.url })
    case "Busy":
      return bare(503)
    case "Error":
      return finding.code === UNKNOWN_ADDRESS
        ? json(404, { ErrorCode: "UserNotFound", ErrorMessage: "The given user is not found." })
        : json(400, { ErrorCode: "InvalidRequest", ErrorMessage: `Error ${finding.code}.` })
  }
}

const json = (status: number, body: unknown): Answer => ({
  status,
  type: "application/json; charset=utf-8",
  text: JSON.stringify(body)
})

/** A query parameter, whatever the case of its name. */
const parameter = (url: URL, name: string): string | undefined =>
  [...url.searchParams].find(([key]) => key.toLowerCase() === name)?.[1]

const decoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

const IN_PATH = /\/v1\.0\/([^/]+)$/i
