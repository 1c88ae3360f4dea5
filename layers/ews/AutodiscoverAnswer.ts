import { Either } from "effect"
import type { ExchangeVersion } from "../../schemas/EwsMessage.ts"
import { retryAfter } from "../net/RetryAfter.ts"
import type { HttpRequest } from "./HttpSessions.ts"
import type { HttpAnswer } from "./SoapAnswer.ts"

/** What one Autodiscover service says, whatever the protocol. */
export type AutodiscoverAnswer =
  /** EWS URLs, the one to prefer first; none if the service names none. */
  | {
      readonly _tag: "Found"
      readonly urls: ReadonlyArray<string>
      readonly version: ExchangeVersion | undefined
    }
  | { readonly _tag: "RedirectUrl"; readonly url: string }
  /** Another address, with which everything starts over. */
  | { readonly _tag: "RedirectAddress"; readonly address: string }
  /** Autodiscover's own error (600 Invalid Request, InvalidUser …). */
  | { readonly _tag: "Failed"; readonly code: string }
  /** Milliseconds, 0 = unknown. */
  | { readonly _tag: "Busy"; readonly retryAfter: number }
  /** No Autodiscover answer. `reason` holds nothing out of the answer's body. */
  | { readonly _tag: "Nothing"; readonly reason: string }

/** One of Autodiscover's protocols. */
export interface AutodiscoverProtocol {
  readonly name: "SOAP" | "POX" | "JSON"
  readonly request: (address: string, url: string) => HttpRequest
  /** Reads the body of an answer; Left: it is none of this protocol. Called for every status that may carry one. */
  readonly read: (body: Uint8Array) => Either.Either<AutodiscoverAnswer, string>
}

/**
 * What an HTTP answer of the service at `url` says. `now`: milliseconds since 1970, for `Retry-After`. 401 is for whoever
 * sent the credentials to judge.
 */
export const answerOf = (
  protocol: AutodiscoverProtocol,
  url: string,
  answer: HttpAnswer,
  now: number
): AutodiscoverAnswer => {
  const header = (name: string) => [answer.headers[name] ?? []].flat()[0]
  if (REDIRECTS.has(answer.status)) {
    const location = header("location") ?? ""
    const target = location === "" ? null : URL.parse(location, url)
    return target === null
      ? { _tag: "Nothing", reason: `HTTP ${answer.status} without a Location` }
      : { _tag: "RedirectUrl", url: target.href }
  }
  if (answer.status === 429 || answer.status === 503) {
    return { _tag: "Busy", retryAfter: retryAfter(header("retry-after"), now) }
  }
  const read = protocol.read(answer.body)
  if (Either.isLeft(read)) {
    return {
      _tag: "Nothing",
      reason: `HTTP ${answer.status}${answer.status === 200 ? `, ${read.left}` : ""}`
    }
  }
  // Errors are told with all kinds of statuses, results only with 200.
  return answer.status === 200 || read.right._tag === "Failed" || read.right._tag === "Busy"
    ? read.right
    : { _tag: "Nothing", reason: `HTTP ${answer.status}` }
}

/** A name or code out of an answer, fit for a log line. */
export const codeText = (text: string | undefined): string =>
  (text ?? "").replace(/[^\w.-]/g, "").slice(0, 40) || "unknown"

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
