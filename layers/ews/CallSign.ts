import { Either } from "effect"
import type { EwsBusy, EwsError } from "../../schemas/EwsError.ts"
import type { CallSite } from "./EwsErrors.ts"
import type { HostFailure } from "./HostCircuit.ts"
import { ANSWER_LIMIT, type HttpAnswer, responseMessages } from "./SoapAnswer.ts"
import { readSoapMessage } from "./SoapReader.ts"

/** What a call's outcome says beyond itself. */
export interface CallSign {
  /** Of the host; undefined = nothing, such as a call that was refused on our side. */
  readonly host: "answered" | Pick<HostFailure, "kind" | "reason" | "wait"> | undefined
  /** The user has to wait `wait` milliseconds. */
  readonly backOff: { readonly responseCode: string; readonly wait: number } | undefined
}

/** Milliseconds that a bare status makes a user wait at most: it is of what stands in front of Exchange. */
export const BARE_WAIT_LONGEST = 60_000

/**
 * Of an answer. Exchange asks a user to wait with `BackOffMilliseconds`, whatever the HTTP status is; 429, 502, 503 and 504
 * without SOAP come from what stands in front of it (FACTS section 5), and only who else gets them tells whom they
 * concern. `now`: milliseconds since 1970.
 */
export const signOfAnswer = (site: CallSite, answer: HttpAnswer, now: number): CallSign => {
  const unavailable = UNAVAILABLE.has(answer.status)
  // Reading every answer twice would be dear, so only those that may ask for something are.
  if (!unavailable && !bytesOf(answer).includes("BackOffMilliseconds")) return ANSWERED
  const busy = busyOf(responseMessages(site, answer, now))
  const wait = busy?.retryAfter ?? 0
  if (unavailable && Either.isLeft(readSoapMessage(answer.body, ANSWER_LIMIT))) {
    const responseCode = `HTTP ${answer.status}`
    return {
      host: { kind: "unreachable", reason: responseCode, wait },
      backOff: wait > 0 ? { responseCode, wait: Math.min(wait, BARE_WAIT_LONGEST) } : undefined
    }
  }
  return busy === undefined || wait === 0
    ? ANSWERED
    : { host: "answered", backOff: { responseCode: busy.responseCode, wait } }
}

/** Of a call without an answer, or with one that `HttpSessions` makes an error of. */
export const signOfError = (error: EwsError): CallSign => {
  switch (error._tag) {
    case "EwsUnreachable":
      return { host: { kind: "unreachable", reason: error.reason, wait: 0 }, backOff: undefined }
    case "EwsTimeout":
      return silence(error.milliseconds)
    case "EwsUnusable":
    case "EwsForbidden":
    case "EwsBlocked":
      return ANSWERED
    case "EwsUnauthorized":
      return error.spent === true ? NOTHING : ANSWERED
    case "EwsBusy":
    case "EwsRefused":
      // Ours: no place at the host, credentials that lack something.
      return NOTHING
  }
}

/** Of a call that nobody waits for any more, after so many milliseconds. */
export const signOfInterruption = (milliseconds: number): CallSign =>
  milliseconds >= INTERRUPTED_IN_SILENCE ? silence(milliseconds) : NOTHING

const silence = (milliseconds: number): CallSign => ({
  host: { kind: "silent", reason: `no answer within ${Math.round(milliseconds / 1000)} s`, wait: 0 },
  backOff: undefined
})

/** Whoever waits for a call may give it up at the same moment as it times out, or before. */
const INTERRUPTED_IN_SILENCE = 4_000

const ANSWERED: CallSign = { host: "answered", backOff: undefined }
const NOTHING: CallSign = { host: undefined, backOff: undefined }
const UNAVAILABLE: ReadonlySet<number> = new Set([429, 502, 503, 504])

const bytesOf = ({ body }: HttpAnswer): Buffer =>
  Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength)

type Messages = ReturnType<typeof responseMessages>

/** Who asks to wait longest. */
const busyOf = (read: Messages): EwsBusy | undefined => {
  const errors = Either.isLeft(read) ? [read.left] : read.right.map(({ error }) => error)
  let found: EwsBusy | undefined
  for (const error of errors) {
    if (error?._tag === "EwsBusy" && error.retryAfter >= (found?.retryAfter ?? 0)) found = error
  }
  return found
}
