import { type Finding, INVALID_REQUEST, UNKNOWN_ADDRESS } from "./AutodiscoverFinding.ts"
import type { Answer } from "./ExchangeAnswer.ts"
import { type ServerRelease, versionsOf } from "./ExchangeVersions.ts"
import { child, descend, type Element, escapeXml, parseXml, SOAP, textAt } from "./ExchangeXml.ts"

/** The address that a GetUserSettings request asks about; undefined if it is none. */
export const addressInSoap = (body: string): string | undefined =>
  textAt(child(requestOf(body), "Users", AUTODISCOVER), "User", "Mailbox")

/** What was found, as an answer to the GetUserSettings request `body`. */
export const writeSoap = (finding: Finding, body: string, release: ServerRelease): Answer => {
  switch (finding._tag) {
    case "Settings": {
      const asked = child(requestOf(body), "RequestedSettings")?.children.map((one) => one.text.trim()) ?? []
      return respond(release, "NoError", user("NoError", "", settingsOf(finding, asked)))
    }
    case "RedirectAddress":
      return respond(release, "NoError", user("RedirectAddress", finding.address))
    case "RedirectUrl":
      return respond(release, "NoError", user("RedirectUrl", finding.url))
    case "Busy":
      return respond(release, "ServerBusy", "")
    case "Error":
      return finding.code === UNKNOWN_ADDRESS
        ? respond(release, "NoError", user("InvalidUser"))
        : respond(release, finding.code === INVALID_REQUEST ? "InvalidRequest" : "InternalServerError", "")
  }
}

const requestOf = (body: string): Element | undefined => {
  const root = parseXml(body)
  if (root?.name !== "Envelope" || root.namespace !== SOAP) return undefined
  return descend(child(root, "Body", SOAP), "GetUserSettingsRequestMessage", "Request")
}

type Settings = Extract<Finding, { readonly _tag: "Settings" }>

const settingsOf = (finding: Settings, asked: ReadonlyArray<string>): string => {
  const known = Object.entries(VALUES).flatMap(([name, value]) => {
    const text = asked.includes(name) ? value(finding) : undefined
    return text === undefined ? [] : [[name, text] as const]
  })
  const missing = asked.filter((name) => !known.some(([one]) => one === name))
  return (
    `<UserSettingErrors>${missing.map(missingSetting).join("")}</UserSettingErrors>` +
    `<UserSettings>${known
      .map(
        ([name, text]) =>
          `<UserSetting i:type="StringSetting"><Name>${name}</Name><Value>${escapeXml(text)}</Value></UserSetting>`
      )
      .join("")}</UserSettings>`
  )
}

const missingSetting = (name: string): string =>
  "<UserSettingError><ErrorCode>SettingIsNotAvailable</ErrorCode>" +
  `<ErrorMessage>The setting is not available.</ErrorMessage><SettingName>${escapeXml(name)}</SettingName></UserSettingError>`

const VALUES: Readonly<Record<string, (finding: Settings) => string | undefined>> = {
  UserDisplayName: ({ mailbox }) => mailbox.displayName,
  UserDN: ({ mailbox }) => `/o=Sandbox/ou=Exchange Administrative Group/cn=Recipients/cn=${mailbox.username}`,
  MailboxDN: () =>
    "/o=Sandbox/ou=Exchange Administrative Group/cn=Configuration/cn=Servers/cn=SANDBOX/cn=Private MDB",
  AutoDiscoverSMTPAddress: ({ mailbox }) => mailbox.address,
  InternalEwsUrl: ({ ewsUrl }) => ewsUrl,
  ExternalEwsUrl: ({ ewsUrl }) => ewsUrl,
  CasVersion: ({ release }) => release.build.map((part, index) => padded(part, index)).join("."),
  // As in captures, which name no dated schemas.
  EwsSupportedSchemas: ({ release }) =>
    versionsOf(release)
      .filter((version) => version.startsWith("Exchange"))
      .join(", "),
  GroupingInformation: () => "sandbox"
}

/** 15.01.2507.039 */
const padded = (part: number, index: number): string => String(part).padStart([2, 2, 4, 3][index] ?? 0, "0")

const user = (code: string, target = "", settings = "<UserSettingErrors/><UserSettings/>"): string =>
  `<UserResponse><ErrorCode>${code}</ErrorCode><ErrorMessage>${code === "NoError" ? "No error." : `${code}.`}</ErrorMessage>` +
  (target === ""
    ? '<RedirectTarget i:nil="true"/>'
    : `<RedirectTarget>${escapeXml(target)}</RedirectTarget>`) +
  `${settings}</UserResponse>`

const respond = (
  { build: [major, minor, build, revision], label }: ServerRelease,
  code: string,
  users: string
): Answer => ({
  status: 200,
  type: "text/xml; charset=utf-8",
  text:
    `<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="${SOAP}" xmlns:a="http://www.w3.org/2005/08/addressing"><s:Header>` +
    `<a:Action s:mustUnderstand="1">${AUTODISCOVER}/Autodiscover/GetUserSettingsResponse</a:Action>` +
    `<h:ServerVersionInfo xmlns:h="${AUTODISCOVER}" xmlns:i="${INSTANCE}"><h:MajorVersion>${major}</h:MajorVersion>` +
    `<h:MinorVersion>${minor}</h:MinorVersion><h:MajorBuildNumber>${build}</h:MajorBuildNumber>` +
    `<h:MinorBuildNumber>${revision}</h:MinorBuildNumber><h:Version>${label}</h:Version></h:ServerVersionInfo></s:Header>` +
    `<s:Body><GetUserSettingsResponseMessage xmlns="${AUTODISCOVER}"><Response xmlns:i="${INSTANCE}">` +
    `<ErrorCode>${code}</ErrorCode>${code === "NoError" ? "<ErrorMessage/>" : `<ErrorMessage>${code}.</ErrorMessage>`}` +
    `<UserResponses>${users}</UserResponses></Response></GetUserSettingsResponseMessage></s:Body></s:Envelope>`
})

const AUTODISCOVER = "http://schemas.microsoft.com/exchange/2010/Autodiscover"
const INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
