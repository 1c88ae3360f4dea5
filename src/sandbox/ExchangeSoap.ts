import type { ServerRelease } from "./ExchangeVersions.ts"
import { escapeXml, MESSAGES, SOAP, TYPES } from "./ExchangeXml.ts"

/** What an operation comes to. A fault travels with HTTP 500. */
export type Reply =
  | { readonly _tag: "Response"; readonly xml: string; readonly afterwards?: () => void }
  | { readonly _tag: "Fault"; readonly code: string; readonly text: string; readonly backOff?: number }

/** One response message of an operation. */
export type Outcome =
  | { readonly _tag: "Success"; readonly xml: string }
  | { readonly _tag: "Error"; readonly code: string; readonly values?: Readonly<Record<string, string>> }

export const success = (xml: string): Outcome => ({ _tag: "Success", xml })
export const error = (code: string, values?: Readonly<Record<string, string>>): Outcome =>
  values === undefined ? { _tag: "Error", code } : { _tag: "Error", code, values }

/** The request breaks the schema, as Exchange says it. */
export const schemaFault = (what: string): Reply => ({
  _tag: "Fault",
  code: "ErrorSchemaValidation",
  text: `The request failed schema validation: ${what}`
})

/** `<operation>Response` with one response message per outcome, in order. */
export const response = (operation: string, outcomes: ReadonlyArray<Outcome>): Reply => ({
  _tag: "Response",
  xml:
    `<m:${operation}Response xmlns:m="${MESSAGES}" xmlns:t="${TYPES}"><m:ResponseMessages>` +
    outcomes.map((outcome) => responseMessage(operation, outcome)).join("") +
    `</m:ResponseMessages></m:${operation}Response>`
})

const responseMessage = (operation: string, outcome: Outcome): string => {
  const name = `m:${operation}ResponseMessage`
  if (outcome._tag === "Success")
    return `<${name} ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>${outcome.xml}</${name}>`
  // The schema wants Items even where there are none.
  const empty = operation === "GetItem" ? "<m:Items/>" : ""
  return `<${name} ResponseClass="Error">${errorDetails(outcome.code, outcome.values)}${empty}</${name}>`
}

/** MessageText to MessageXml of a response message with ResponseClass=Error. */
export const errorDetails = (code: string, values: Readonly<Record<string, string>> = {}): string => {
  const entries = Object.entries(values)
  return (
    `<m:MessageText>${escapeXml(textOf(code))}</m:MessageText><m:ResponseCode>${escapeXml(code)}</m:ResponseCode>` +
    "<m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>" +
    (entries.length === 0 ? "" : `<m:MessageXml>${entries.map(messageValue).join("")}</m:MessageXml>`)
  )
}

const messageValue = ([name, value]: readonly [string, string]): string =>
  `<t:Value xmlns:t="${TYPES}" Name="${escapeXml(name)}">${escapeXml(value)}</t:Value>`

/** The whole document for a reply of this server, and its HTTP status. */
export const document = (
  reply: Reply,
  release: ServerRelease
): { readonly status: number; readonly text: string } =>
  reply._tag === "Response"
    ? { status: 200, text: envelope(versionHeader(release), reply.xml) }
    : { status: 500, text: envelope(versionHeader(release), fault(reply)) }

/** Text that goes with a code; clients must not depend on it. */
export const textOf = (code: string): string => TEXTS[code] ?? `The operation failed with ${code}.`

const envelope = (header: string, body: string): string =>
  `<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="${SOAP}"><s:Header>${header}</s:Header><s:Body>${body}</s:Body></s:Envelope>`

const fault = (reply: Extract<Reply, { readonly _tag: "Fault" }>): string => {
  const errors = "http://schemas.microsoft.com/exchange/services/2006/errors"
  const backOff = reply.backOff === undefined ? {} : { BackOffMilliseconds: String(reply.backOff) }
  const values = Object.entries(backOff)
  return (
    `<s:Fault><faultcode xmlns:a="${TYPES}">a:${escapeXml(reply.code)}</faultcode>` +
    `<faultstring xml:lang="en-US">${escapeXml(reply.text)}</faultstring><detail>` +
    `<e:ResponseCode xmlns:e="${errors}">${escapeXml(reply.code)}</e:ResponseCode>` +
    `<e:Message xmlns:e="${errors}">${escapeXml(reply.text)}</e:Message>` +
    (values.length === 0
      ? ""
      : `<t:MessageXml xmlns:t="${TYPES}">${values.map(messageValue).join("")}</t:MessageXml>`) +
    "</detail></s:Fault>"
  )
}

const versionHeader = ({ build: [major, minor, build, revision], label }: ServerRelease): string =>
  `<h:ServerVersionInfo MajorVersion="${major}" MinorVersion="${minor}" MajorBuildNumber="${build}" ` +
  `MinorBuildNumber="${revision}" Version="${label}" xmlns:h="${TYPES}"/>`

const TEXTS: Readonly<Record<string, string>> = {
  ErrorAccessDenied: "Access is denied. Check credentials and try again.",
  ErrorExceededSubscriptionCount: "The account has as many subscriptions as it may have.",
  ErrorFolderNotFound: "The folder is not in the store.",
  ErrorInvalidIdMalformed: "The id is malformed.",
  ErrorInvalidPullSubscriptionId: "The id is not one of a pull subscription.",
  ErrorInvalidPushSubscriptionUrl: "The URL of the push subscription is not valid.",
  ErrorInvalidServerVersion: "The request names a server version that this server does not know.",
  ErrorInvalidWatermark: "The watermark is not valid.",
  ErrorItemNotFound: "The item is not in the store.",
  ErrorMailboxMoveInProgress: "The mailbox is being moved. Try again later.",
  ErrorNameResolutionNoResults: "No results were found.",
  ErrorNonExistentMailbox: "No mailbox has this address.",
  ErrorProxyRequestNotAllowed: "The request may not be passed on to another server.",
  ErrorReadEventsFailed: "The events could not be read.",
  ErrorServerBusy: "The server cannot service this request right now. Try again later.",
  ErrorSubscriptionDelegateAccessNotSupported: "Delegates cannot subscribe to another's mailbox.",
  ErrorSubscriptionNotFound: "The subscription is not known."
}
