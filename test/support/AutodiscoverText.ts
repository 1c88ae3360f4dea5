/** Answers of Autodiscover services, written by hand after Microsoft's documents. */

const POX_NS = "http://schemas.microsoft.com/exchange/autodiscover"

export const pox = (account: string): string =>
  `<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="${POX_NS}/responseschema/2006">` +
  `<Response xmlns="${POX_NS}/outlook/responseschema/2006a">${account}</Response></Autodiscover>`

export const poxProtocol = (type: string, inside: string): string =>
  `<Protocol><Type>${type}</Type>${inside}</Protocol>`

export const poxSettings = (...protocols: ReadonlyArray<string>): string =>
  pox(`<Account><AccountType>email</AccountType><Action>settings</Action>${protocols.join("")}</Account>`)

export const poxEws = (url: string): string => poxSettings(poxProtocol("EXPR", `<EwsUrl>${url}</EwsUrl>`))

export const poxRedirectUrl = (url: string): string =>
  pox(`<Account><Action>redirectUrl</Action><RedirectUrl>${url}</RedirectUrl></Account>`)

export const poxRedirectAddress = (address: string): string =>
  pox(`<Account><Action>redirectAddr</Action><RedirectAddr>${address}</RedirectAddr></Account>`)

export const poxError = (code: number): string =>
  `<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="${POX_NS}/responseschema/2006"><Response>` +
  `<Error Time="10:00:00.0" Id="1"><ErrorCode>${code}</ErrorCode><Message>Invalid Request</Message><DebugData/></Error>` +
  "</Response></Autodiscover>"

export interface SoapUser {
  readonly overall?: string
  readonly code?: string
  readonly target?: string
  readonly settings?: Readonly<Record<string, string>>
  /** `Version` in the header's ServerVersionInfo. */
  readonly server?: string
}

export const soap = ({
  code = "NoError",
  overall = "NoError",
  server,
  settings = {},
  target
}: SoapUser): string =>
  [
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header>',
    server === undefined
      ? ""
      : `<h:ServerVersionInfo xmlns:h="${SOAP_NS}"><h:MajorVersion>15</h:MajorVersion><h:Version>${server}</h:Version></h:ServerVersionInfo>`,
    `</s:Header><s:Body><GetUserSettingsResponseMessage xmlns="${SOAP_NS}"><Response>`,
    `<ErrorCode>${overall}</ErrorCode><ErrorMessage/><UserResponses><UserResponse><ErrorCode>${code}</ErrorCode>`,
    target === undefined ? "<RedirectTarget/>" : `<RedirectTarget>${target}</RedirectTarget>`,
    "<UserSettingErrors/><UserSettings>",
    ...Object.entries(settings).map(
      ([name, value]) => `<UserSetting><Name>${name}</Name><Value>${value}</Value></UserSetting>`
    ),
    "</UserSettings></UserResponse></UserResponses></Response></GetUserSettingsResponseMessage></s:Body></s:Envelope>"
  ].join("")

export const soapEws = (
  url: string,
  schemas = "Exchange2007, Exchange2010_SP2, Exchange2013, Exchange2016"
): string => soap({ settings: { ExternalEwsUrl: url, EwsSupportedSchemas: schemas } })

const SOAP_NS = "http://schemas.microsoft.com/exchange/2010/Autodiscover"
