import type { Call } from "./ExchangeCall.ts"
import { getFolder } from "./ExchangeFolders.ts"
import { getItem } from "./ExchangeItems.ts"
import { convertId, resolveNames } from "./ExchangeNames.ts"
import { findItem } from "./ExchangeSearch.ts"
import { type Reply, schemaFault, textOf } from "./ExchangeSoap.ts"
import { subscribe, unsubscribe } from "./ExchangeSubscribe.ts"
import { versionsOf } from "./ExchangeVersions.ts"
import { child, type Element, MESSAGES, parseXml, SOAP, TYPES } from "./ExchangeXml.ts"

/** A SOAP request taken apart; `operation` is "" if it is not one of EWS. */
export interface EwsRequest {
  readonly operation: string
  readonly version: string
  readonly element: Element | undefined
  readonly impersonates: boolean
}

/** Reads an envelope. */
export const readRequest = (text: string): EwsRequest => {
  const parsed = parseXml(text)
  const envelope = parsed?.name === "Envelope" && parsed.namespace === SOAP ? parsed : undefined
  const header = child(envelope, "Header", SOAP)
  const body = child(envelope, "Body", SOAP)?.children ?? []
  const element = body.length === 1 && body[0]?.namespace === MESSAGES ? body[0] : undefined
  return {
    operation: element?.name ?? "",
    // Without the header the oldest schema applies.
    version: child(header, "RequestServerVersion", TYPES)?.attributes["Version"] ?? "Exchange2007_SP1",
    element,
    impersonates: child(header, "ExchangeImpersonation", TYPES) !== undefined
  }
}

/** Does what a request asks for. */
export const perform = (
  request: EwsRequest,
  call: Omit<Call, "request" | "version">
): Reply | Promise<Reply> => {
  if (request.element === undefined) return schemaFault("no operation in the messages namespace")
  if (!versionsOf(call.release).some((version) => version === request.version))
    return fault("ErrorInvalidServerVersion")
  if (request.impersonates) return fault("ErrorImpersonateUserDenied")
  const operation = OPERATIONS[request.operation]
  if (operation === undefined) return fault("ErrorInvalidOperation")
  return operation({ ...call, request: request.element, version: request.version })
}

const fault = (code: string): Reply => ({ _tag: "Fault", code, text: textOf(code) })

const OPERATIONS: Readonly<Record<string, (call: Call) => Reply | Promise<Reply>>> = {
  Subscribe: subscribe,
  Unsubscribe: unsubscribe,
  GetItem: getItem,
  FindItem: findItem,
  GetFolder: getFolder,
  ResolveNames: resolveNames,
  ConvertId: convertId
}
