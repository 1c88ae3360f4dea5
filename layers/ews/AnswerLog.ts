import { Effect, type Fiber, FiberRef, LogLevel } from "effect"
import type { CallSite } from "./EwsErrors.ts"
import type { HttpAnswer } from "./SoapAnswer.ts"

/** Whether anybody listens to what `logged` says. Annotating is dear, so ask first. */
export const isLogged = (fiber: Fiber.RuntimeFiber<unknown, unknown>): boolean =>
  LogLevel.lessThanEqual(fiber.getFiberRef(FiberRef.currentMinimumLogLevel), LogLevel.Debug)

/**
 * The answer, after it is logged (debug) with the ids by which the administrators of Exchange and of a Secure Email Gateway
 * find the call in their logs, and with the reason why a token was refused.
 */
export const logged = (site: CallSite, answer: HttpAnswer): Effect.Effect<HttpAnswer> =>
  Effect.logDebug("Exchange answered").pipe(
    Effect.annotateLogs({ ...site, status: answer.status, ...idsOf(answer) }),
    Effect.as(answer)
  )

const idsOf = (answer: HttpAnswer): Readonly<Record<string, string>> => {
  const ids: Record<string, string> = {}
  for (const [name, header] of HEADERS) {
    const value = textOf(answer, header)
    if (value !== "") ids[name] = value
  }
  const refusal = refusalOf(textOf(answer, "x-ms-diagnostics", 1_024))
  return refusal === "" ? ids : { ...ids, refusal }
}

const HEADERS = [
  ["requestId", "request-id"],
  ["frontEnd", "x-feserver"],
  ["backEnd", "x-targetbeserver"],
  ["diagnosis", "x-diaginfo"],
  ["segTransactionId", "x-aw-seg-transaction-id"]
] as const

const textOf = ({ headers }: HttpAnswer, name: string, limit = 64): string =>
  [headers[name] ?? []]
    .flat()
    .join(" ")
    .slice(0, limit)
    .replace(/[^\x20-\x7e]/g, "?")

/** `2000001;reason="…";error_category="token_expired"`: without the reason, which may quote what is in the token. */
const refusalOf = (diagnostics: string): string => {
  const code = /^\d{1,10}/.exec(diagnostics)?.[0]
  const category = /error_category="([a-z_]{1,40})"/.exec(diagnostics)?.[1]
  return [code, category].filter((part) => part !== undefined).join(" ")
}
