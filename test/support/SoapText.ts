/** SOAP answers of an Exchange, as text. */

const M = "http://schemas.microsoft.com/exchange/services/2006/messages"
const T = "http://schemas.microsoft.com/exchange/services/2006/types"
const E = "http://schemas.microsoft.com/exchange/services/2006/errors"

/** A whole envelope; with `version` (Major.Minor) the server says what it is. */
export const envelope = (content: string, version?: readonly [major: number, minor: number]): string => {
  const info = (major: number, minor: number) =>
    `<s:Header><t:ServerVersionInfo MajorVersion="${major}" MinorVersion="${minor}" xmlns:t="${T}"/></s:Header>`
  const header = version === undefined ? "" : info(...version)
  return `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">${header}<s:Body>${content}</s:Body></s:Envelope>`
}

/** Response messages of one operation. */
export const responses = (operation: string, ...messages: ReadonlyArray<string>): string =>
  `<m:${operation}Response xmlns:m="${M}" xmlns:t="${T}"><m:ResponseMessages>${messages
    .map((message) => message.replaceAll("OPERATION", operation))
    .join("")}</m:ResponseMessages></m:${operation}Response>`

export const success = (content: string): string =>
  `<m:OPERATIONResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>${content}</m:OPERATIONResponseMessage>`

export const failure = (code: string): string =>
  `<m:OPERATIONResponseMessage ResponseClass="Error"><m:MessageText>no</m:MessageText><m:ResponseCode>${code}</m:ResponseCode></m:OPERATIONResponseMessage>`

/** A SOAP fault as Exchange 2010 and later write it. */
export const fault = (code: string): string =>
  `<s:Fault><faultcode xmlns:a="${T}">a:${code}</faultcode><faultstring xml:lang="en-US">no</faultstring><detail>
    <e:ResponseCode xmlns:e="${E}">${code}</e:ResponseCode></detail></s:Fault>`

/** A message among the items of GetItem or FindItem. */
export const message = (id: string, more = ""): string =>
  `<t:Message><t:ItemId Id="${id}" ChangeKey="CQAAAA=="/>${more}</t:Message>`

/** GetItem found this. */
export const item = (id: string, more = ""): string => success(`<m:Items>${message(id, more)}</m:Items>`)

/** GetFolder's answer for an Inbox. */
export const inbox = (unread: number, version?: readonly [number, number]): string =>
  envelope(
    responses(
      "GetFolder",
      success(
        `<m:Folders><t:Folder><t:FolderId Id="F"/><t:UnreadCount>${unread}</t:UnreadCount></t:Folder></m:Folders>`
      )
    ),
    version
  )
