import { Effect } from "effect"
import type { ExchangeStandIn } from "../../../../src/sandbox/Exchange.ts"

const M = "http://schemas.microsoft.com/exchange/services/2006/messages"
const T = "http://schemas.microsoft.com/exchange/services/2006/types"

export interface SoapAnswer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

export interface Login {
  readonly authorization?: string
  readonly version?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly soapHeader?: string
}

export const basic = (name: string, password: string): string =>
  `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`

/** Alice's, who is in every test. */
export const ALICE = "alice@corp.example"
export const PASSWORD = "correct horse"

/** Sends one EWS request; by default as Alice. Rejected connections become status 0. */
export const ews = (exchange: ExchangeStandIn, body: string, login: Login = {}): Effect.Effect<SoapAnswer> =>
  Effect.promise(async () => {
    const authorization = login.authorization ?? basic(ALICE, PASSWORD)
    try {
      const response = await fetch(exchange.url, {
        method: "POST",
        headers: {
          "content-type": "text/xml; charset=utf-8",
          ...(authorization === "" ? {} : { authorization }),
          ...login.headers
        },
        body: envelope(body, login.version ?? "Exchange2013_SP1", login.soapHeader ?? "")
      })
      return { status: response.status, headers: response.headers, text: await response.text() }
    } catch {
      return { status: 0, headers: new Headers(), text: "" }
    }
  })

export const envelope = (body: string, version: string, header = ""): string =>
  `<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:m="${M}" xmlns:t="${T}"><s:Header><t:RequestServerVersion Version="${version}"/>${header}</s:Header><s:Body>${body}</s:Body></s:Envelope>`

export const inboxOf = (address?: string): string =>
  address === undefined
    ? '<t:DistinguishedFolderId Id="inbox"/>'
    : `<t:DistinguishedFolderId Id="inbox"><t:Mailbox><t:EmailAddress>${address}</t:EmailAddress></t:Mailbox></t:DistinguishedFolderId>`

export interface SubscribeFields {
  readonly folder?: string
  readonly frequency?: number
  readonly events?: ReadonlyArray<string>
  readonly watermark?: string
}

export const subscribeXml = (url: string, fields: SubscribeFields = {}): string =>
  `<m:Subscribe><m:PushSubscriptionRequest><t:FolderIds>${fields.folder ?? inboxOf(ALICE)}</t:FolderIds><t:EventTypes>${(
    fields.events ?? ["CreatedEvent", "ModifiedEvent", "MovedEvent", "DeletedEvent", "NewMailEvent"]
  )
    .map((type) => `<t:EventType>${type}</t:EventType>`)
    .join(
      ""
    )}</t:EventTypes>${fields.watermark === undefined ? "" : `<t:Watermark>${fields.watermark}</t:Watermark>`}<t:StatusFrequency>${fields.frequency ?? 15}</t:StatusFrequency><t:URL>${url.replaceAll("&", "&amp;")}</t:URL></m:PushSubscriptionRequest></m:Subscribe>`

export const getItemXml = (
  ids: ReadonlyArray<string>,
  fields: ReadonlyArray<string>,
  shape = "IdOnly"
): string =>
  `<m:GetItem><m:ItemShape><t:BaseShape>${shape}</t:BaseShape>${
    fields.length === 0
      ? ""
      : `<t:AdditionalProperties>${fields.map((uri) => `<t:FieldURI FieldURI="${uri}"/>`).join("")}</t:AdditionalProperties>`
  }</m:ItemShape><m:ItemIds>${ids.map((id) => `<t:ItemId Id="${id}"/>`).join("")}</m:ItemIds></m:GetItem>`

export interface SearchParts {
  readonly shape?: string
  readonly fields?: ReadonlyArray<string>
  /** Attributes of IndexedPageItemView. */
  readonly page?: string
  readonly restriction?: string
  /** FieldOrder elements. */
  readonly order?: string
}

/** A search in Alice's Inbox, by default for subjects. */
export const findItemXml = (parts: SearchParts): string => {
  const fields = parts.fields ?? ["item:Subject"]
  return [
    `<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>${parts.shape ?? "IdOnly"}</t:BaseShape>`,
    `<t:AdditionalProperties>${fields.map((uri) => `<t:FieldURI FieldURI="${uri}"/>`).join("")}</t:AdditionalProperties></m:ItemShape>`,
    parts.page === undefined ? "" : `<m:IndexedPageItemView ${parts.page}/>`,
    parts.restriction === undefined ? "" : `<m:Restriction>${parts.restriction}</m:Restriction>`,
    parts.order === undefined ? "" : `<m:SortOrder>${parts.order}</m:SortOrder>`,
    `<m:ParentFolderIds>${inboxOf()}</m:ParentFolderIds></m:FindItem>`
  ].join("")
}

export const getFolderXml = (folders: string, shape = "Default"): string =>
  `<m:GetFolder><m:FolderShape><t:BaseShape>${shape}</t:BaseShape></m:FolderShape><m:FolderIds>${folders}</m:FolderIds></m:GetFolder>`

/** ResponseCodes of an answer, in order. */
export const codes = (answer: SoapAnswer): ReadonlyArray<string> =>
  [...answer.text.matchAll(/<\w+:ResponseCode(?: [^>]*)?>([^<]*)</g)].map((match) => match[1] ?? "")
