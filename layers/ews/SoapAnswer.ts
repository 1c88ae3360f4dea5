import { Either } from "effect"
import {
  EwsBusy,
  type EwsError,
  EwsForbidden,
  EwsRefused,
  EwsUnauthorized,
  EwsUnusable
} from "../../schemas/EwsError.ts"
import type { ExchangeVersion } from "../../schemas/EwsMessage.ts"
import { retryAfter } from "../net/RetryAfter.ts"
import { type CallSite, errorOfCode, WRONG_URL_STATUSES } from "./EwsErrors.ts"
import { serverVersion } from "./ServerVersion.ts"
import {
  child,
  ERRORS,
  MESSAGES,
  readSoapMessage,
  type SoapElement,
  type SoapMessage,
  TYPES,
  textOf
} from "./SoapReader.ts"
import { count } from "./XsdValues.ts"

/** Bytes of an answer's body that are read at most. */
export const ANSWER_LIMIT = 1024 * 1024

/** An HTTP answer as it came, header names in lower case. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly body: Uint8Array
}

/** The highest version that may be asked of the server which answered, if its answer says so; faults do as well. */
export const versionIn = (answer: HttpAnswer): ExchangeVersion | undefined => {
  const read = readSoapMessage(answer.body, ANSWER_LIMIT)
  return Either.isRight(read) ? serverVersion(read.right.header) : undefined
}

/** One response message of an answer, and the error that it reports. */
export interface ResponseMessage {
  readonly element: SoapElement
  readonly error: EwsBusy | EwsRefused | undefined
  /** The highest version that may be asked of the server which answered. */
  readonly serverVersion: ExchangeVersion | undefined
}

/**
 * The response messages in an answer, at least one, whatever operation they answer; or what the answer as a whole says:
 * an HTTP status, a SOAP fault, or nothing that EWS would say. `now`: milliseconds since 1970, for `Retry-After`.
 */
export const responseMessages = (
  site: CallSite,
  answer: HttpAnswer,
  now: number
): Either.Either<ReadonlyArray<ResponseMessage>, EwsError> => {
  const { status } = answer
  if (status === 401) return Either.left(new EwsUnauthorized({ ...site, offered: offeredSchemes(answer) }))
  if (status === 403) return Either.left(new EwsForbidden(site))
  if (status >= 300 && status < 400) return unusable(site, status, "a redirect, which is not followed")

  const read = readSoapMessage(answer.body, ANSWER_LIMIT)
  const content = Either.isRight(read) ? read.right.content : undefined
  const fault = content?.local === "Fault" ? faultOf(content) : undefined
  const wait = retryAfter([answer.headers["retry-after"] ?? []].flat()[0], now)
  if (BUSY_STATUSES.has(status)) {
    const responseCode = fault?.code || `HTTP ${status}`
    return Either.left(new EwsBusy({ ...site, responseCode, retryAfter: fault?.backOff || wait }))
  }
  if (fault !== undefined) {
    return Either.left(errorOfCode(site, status, fault.code, fault.backOff || wait))
  }
  if (Either.isLeft(read)) {
    const refused = status >= 400 && status < 500 && !WRONG_URL_STATUSES.has(status)
    return refused
      ? Either.left(new EwsRefused({ ...site, responseCode: "", status }))
      : unusable(site, status, read.left)
  }
  const messages = messagesOf(site, status, read.right)
  return messages.length === 0 ? unusable(site, status, "no response message") : Either.right(messages)
}

/** Names of the authentication schemes in WWW-Authenticate, in order. */
export const offeredSchemes = (answer: HttpAnswer): ReadonlyArray<string> => {
  const offered = new Set<string>()
  for (const header of [answer.headers["www-authenticate"] ?? []].flat()) {
    // A challenge's parameters are separated by commas too; they have a "=" where a scheme has a space or its end.
    // A quote that is not closed goes to the end, lest its end is looked for again and again.
    for (const part of header.replace(/"(?:[^"\\]|\\.?)*(?:"|$)/g, '""').split(",")) {
      const scheme = /^\s*([A-Za-z][\w-]{0,31})(?:\s+|$)(?!=)/.exec(part)?.[1]
      if (scheme !== undefined) offered.add(scheme)
    }
  }
  return [...offered].slice(0, 8)
}

/** 429 and 503 say so; the others are of a proxy in front of a server that is busy or restarting. */
const BUSY_STATUSES: ReadonlySet<number> = new Set([408, 429, 502, 503, 504])

const unusable = (site: CallSite, status: number, reason: string) =>
  Either.left(new EwsUnusable({ ...site, status, reason }))

const messagesOf = (
  site: CallSite,
  status: number,
  { content: answer, header }: SoapMessage
): ReadonlyArray<ResponseMessage> => {
  if (answer.uri !== MESSAGES) return []
  const version = serverVersion(header)
  const inside = child(answer, MESSAGES, "ResponseMessages")?.children ?? [answer]
  return inside
    .filter((element) => element.uri === MESSAGES && element.attributes.has("ResponseClass"))
    .map((element) => {
      if (element.attributes.get("ResponseClass") !== "Error")
        return { element, error: undefined, serverVersion: version }
      const code = codeOf(textOf(element, MESSAGES, "ResponseCode"))
      return { element, error: errorOfCode(site, status, code, backOffOf(element)), serverVersion: version }
    })
}

/** The code stands in the detail; older servers only have a fault code (of SOAP 1.1 or 1.2), whose prefix can be any. */
const faultOf = (fault: SoapElement): { readonly code: string; readonly backOff: number } => {
  const detail = fault.children.find((element) => element.local.toLowerCase() === "detail")
  const named = (within: SoapElement | undefined, local: string) =>
    within?.children.find((element) => element.local === local)
  const faultCode = (named(fault, "faultcode") ?? named(named(fault, "Code"), "Value"))?.text.trim()
  const code = codeOf(textOf(detail, ERRORS, "ResponseCode") ?? faultCode?.split(":").at(-1))
  return { code, backOff: detail === undefined ? 0 : backOffOf(detail) }
}

/** Codes are names; anything else that stands there is not repeated in logs. */
const codeOf = (text: string | undefined): string =>
  !text ? "" : /^[A-Za-z0-9_.]{1,80}$/.test(text) ? text : "an unreadable code"

const backOffOf = (element: SoapElement): number => {
  const values = child(element, TYPES, "MessageXml") ?? child(element, MESSAGES, "MessageXml")
  const value = values?.children.find(
    (value) => value.local === "Value" && value.attributes.get("Name") === "BackOffMilliseconds"
  )
  return count(value?.text.trim()) ?? 0
}
