import { type Finding, INVALID_REQUEST, UNKNOWN_ADDRESS } from "./AutodiscoverFinding.ts"
import { type Answer, bare } from "./ExchangeAnswer.ts"
import type { ServerRelease } from "./ExchangeVersions.ts"
import { child, escapeXml, parseXml, textAt } from "./ExchangeXml.ts"

/** The address that a POX request asks about; undefined if it is none. */
export const addressInPox = (body: string): string | undefined => {
  const root = parseXml(body)
  if (root?.name !== "Autodiscover" || root.namespace !== REQUEST) return undefined
  return textAt(child(root, "Request", REQUEST), "EMailAddress")
}

/** What was found, in plain old XML. */
export const writePox = (finding: Finding): Answer => {
  switch (finding._tag) {
    case "Settings":
      return account(
        "settings",
        `<Protocol><Type>EXCH</Type><ServerVersion>${packedVersion(finding.release)}</ServerVersion>${urls(finding)}</Protocol>` +
          `<Protocol><Type>EXPR</Type>${urls(finding)}</Protocol>`,
        `<User><DisplayName>${escapeXml(finding.mailbox.displayName)}</DisplayName>` +
          `<AutoDiscoverSMTPAddress>${escapeXml(finding.mailbox.address)}</AutoDiscoverSMTPAddress></User>`
      )
    case "RedirectAddress":
      return account("redirectAddr", `<RedirectAddr>${escapeXml(finding.address)}</RedirectAddr>`)
    case "RedirectUrl":
      return account("redirectUrl", `<RedirectUrl>${escapeXml(finding.url)}</RedirectUrl>`)
    case "Error":
      return response(
        RESPONSE,
        `<Error Time="${new Date().toISOString().slice(11, 23)}" Id="4130155072"><ErrorCode>${finding.code}</ErrorCode>` +
          `<Message>${MESSAGES[finding.code] ?? "Error"}</Message><DebugData/></Error>`
      )
    case "Busy":
      return bare(503)
  }
}

const urls = ({ ewsUrl, origin }: Extract<Finding, { readonly _tag: "Settings" }>): string =>
  (ewsUrl === undefined
    ? ""
    : `<ASUrl>${escapeXml(ewsUrl)}</ASUrl><EwsUrl>${escapeXml(ewsUrl)}</EwsUrl><OOFUrl>${escapeXml(ewsUrl)}</OOFUrl>`) +
  `<OABUrl>${escapeXml(origin)}/OAB/</OABUrl>`

/** 4 bits of structure version, 6 of major and 6 of minor version, a flag, and 15 of build number, in hex. */
const packedVersion = ({ build: [major, minor, build] }: ServerRelease): string =>
  (((7 << 28) | (major << 22) | (minor << 16) | (1 << 15) | build) >>> 0).toString(16).toUpperCase()

const account = (action: string, content: string, user = ""): Answer =>
  response(
    OUTLOOK_RESPONSE,
    `${user}<Account>${action === "settings" ? "<AccountType>email</AccountType>" : ""}<Action>${action}</Action>${content}</Account>`
  )

const response = (namespace: string, content: string): Answer => ({
  status: 200,
  type: "text/xml; charset=utf-8",
  text:
    `<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="${RESPONSE}">` +
    `<Response xmlns="${namespace}">${content}</Response></Autodiscover>`
})

const REQUEST = "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"
const RESPONSE = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
const OUTLOOK_RESPONSE = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"

const MESSAGES: Readonly<Record<number, string>> = {
  [UNKNOWN_ADDRESS]: "The email address can't be found.",
  [INVALID_REQUEST]: "Invalid Request"
}
