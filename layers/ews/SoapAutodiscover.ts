import { Either } from "effect"
import { EXCHANGE_VERSIONS, type ExchangeVersion } from "../../schemas/EwsMessage.ts"
import { type AutodiscoverAnswer, type AutodiscoverProtocol, codeText } from "./AutodiscoverAnswer.ts"
import { anchorHeader } from "./AutodiscoverHeaders.ts"
import { ANSWER_LIMIT } from "./SoapAnswer.ts"
import { child, readSoapMessage, SOAP_11, type SoapElement, type SoapMessage, textOf } from "./SoapReader.ts"
import { escaped } from "./XmlText.ts"

const AUTODISCOVER = "http://schemas.microsoft.com/exchange/2010/Autodiscover"
const ACTION = `${AUTODISCOVER}/Autodiscover/GetUserSettings`
const ADDRESSING = "http://www.w3.org/2005/08/addressing"

/** Autodiscover's SOAP operation GetUserSettings ([MS-OXWSADISC]; FACTS section 9), known since Exchange 2010. */
export const soapAutodiscover: AutodiscoverProtocol = {
  name: "SOAP",
  request: (address, url) => ({
    operation: "Autodiscover (SOAP)",
    method: "POST",
    headers: {
      "content-type": "text/xml; charset=utf-8",
      accept: "text/xml",
      soapaction: `"${ACTION}"`,
      ...anchorHeader(address)
    },
    body: [
      '<?xml version="1.0" encoding="utf-8"?>',
      `<s:Envelope xmlns:s="${SOAP_11}" xmlns:a="${AUTODISCOVER}" xmlns:w="${ADDRESSING}">`,
      // Exchange2010 is what every server knows that has this service.
      "<s:Header><a:RequestedServerVersion>Exchange2010</a:RequestedServerVersion>",
      `<w:Action>${ACTION}</w:Action><w:To>${escaped(url)}</w:To></s:Header>`,
      "<s:Body><a:GetUserSettingsRequestMessage><a:Request>",
      `<a:Users><a:User><a:Mailbox>${escaped(address)}</a:Mailbox></a:User></a:Users>`,
      `<a:RequestedSettings>${SETTINGS.map((name) => `<a:Setting>${name}</a:Setting>`).join("")}</a:RequestedSettings>`,
      "</a:Request></a:GetUserSettingsRequestMessage></s:Body></s:Envelope>"
    ].join("")
  }),
  read: (body) => Either.flatMap(readSoapMessage(body, ANSWER_LIMIT), answerIn)
}

const SETTINGS = ["ExternalEwsUrl", "InternalEwsUrl", "EwsSupportedSchemas"] as const

const answerIn = ({ content, header }: SoapMessage): Either.Either<AutodiscoverAnswer, string> => {
  const response = child(content, AUTODISCOVER, "Response")
  if (response === undefined || content.uri !== AUTODISCOVER) return Either.left("no Autodiscover answer")
  const user = child(child(response, AUTODISCOVER, "UserResponses"), AUTODISCOVER, "UserResponse")
  const overall = textOf(response, AUTODISCOVER, "ErrorCode") ?? "NoError"
  const code = overall === "NoError" ? (textOf(user, AUTODISCOVER, "ErrorCode") ?? "NoError") : overall
  const target = textOf(user, AUTODISCOVER, "RedirectTarget")
  switch (code) {
    case "NoError":
      return Either.right(settingsIn(user, header))
    case "RedirectUrl":
    case "RedirectAddress":
      if (target === undefined) return Either.left("a redirect without a target")
      return Either.right(
        code === "RedirectUrl" ? { _tag: code, url: target } : { _tag: code, address: target }
      )
    case "ServerBusy":
      return Either.right({ _tag: "Busy", retryAfter: 0 })
    default:
      return Either.right({ _tag: "Failed", code: codeText(code) })
  }
}

const settingsIn = (
  user: SoapElement | undefined,
  header: SoapElement | undefined
): Extract<AutodiscoverAnswer, { readonly _tag: "Found" }> => {
  const values = new Map<string, string>()
  for (const setting of child(user, AUTODISCOVER, "UserSettings")?.children ?? []) {
    const name = textOf(setting, AUTODISCOVER, "Name")
    const value = textOf(setting, AUTODISCOVER, "Value")
    if (name !== undefined && value !== undefined) values.set(name, value)
  }
  return {
    _tag: "Found",
    urls: [values.get("ExternalEwsUrl"), values.get("InternalEwsUrl")].filter((url) => url !== undefined),
    version: newest(values.get("EwsSupportedSchemas")) ?? newest(versionIn(header))
  }
}

const versionIn = (header: SoapElement | undefined) =>
  textOf(child(header, AUTODISCOVER, "ServerVersionInfo"), AUTODISCOVER, "Version")

/** The newest version that we know in a list like `Exchange2007, Exchange2010_SP2`. */
const newest = (list: string | undefined): ExchangeVersion | undefined => {
  const spoken = new Set(list?.split(",").map((name) => name.trim()))
  return EXCHANGE_VERSIONS.findLast((version) => spoken.has(version))
}
