import { Effect, Either, Redacted } from "effect"
import { type EwsError, EwsTimeout } from "../../schemas/EwsError.ts"
import type { ExchangeVersion } from "../../schemas/EwsMessage.ts"
import { type AcceptedVersions, lower, olderThan, VERSION_CODES } from "./AcceptedVersions.ts"
import type { AllowedEndpoint } from "./EndpointPolicy.ts"
import type { EwsAccount } from "./Ews.ts"
import type { CallSite } from "./EwsErrors.ts"
import { gatewayRefusal } from "./GatewayAnswer.ts"
import type { HttpSession } from "./HttpSessions.ts"
import { followed, isRedirect, REDIRECTS_MAX, tooManyRedirects } from "./Redirects.ts"
import { type EwsRequest, soapAction } from "./Requests.ts"
import { type HttpAnswer, versionIn } from "./SoapAnswer.ts"
import { timeLeft } from "./TimeLeft.ts"
import { partsOf } from "./UrlParts.ts"

/** Reads an answer; `now` in milliseconds since 1970. */
export type Decoder<A> = (site: CallSite, answer: HttpAnswer, now: number) => Either.Either<A, EwsError>

/**
 * SOAP calls of one session. What a call learns (where Exchange redirects to, which version it speaks, that it prefers to
 * stay with one server) holds for the calls after it.
 */
export interface SoapCalls {
  /**
   * One call: sent again where a redirect leads, and with an older version if the server does not know the one asked for,
   * all within `timeout` milliseconds. For nothing else is it repeated. `use` says what becomes of what came, given how
   * many of those milliseconds are left.
   */
  readonly call: <A, B>(
    request: (version: ExchangeVersion) => EwsRequest,
    decode: Decoder<A>,
    timeout: number,
    use: (came: A, left: () => number) => Effect.Effect<B, EwsError>
  ) => Effect.Effect<B, EwsError>
  /** The answer of the last call, with a version that the server accepts instead of a newer one that it claims to speak. */
  readonly accepted: <A extends { readonly serverVersion: ExchangeVersion | undefined }>(told: A) => A
}

export const makeSoapCalls = (
  http: HttpSession,
  account: EwsAccount,
  versions: AcceptedVersions
): SoapCalls => {
  const origin = partsOf(account.endpoint.url)?.origin ?? ""
  const anchor = Redacted.value(account.credentials).address
  let endpoint = account.endpoint
  let version: ExchangeVersion | undefined
  let redirects = 0
  let subscribing = false

  const follow = (site: CallSite, answer: HttpAnswer) =>
    ++redirects > REDIRECTS_MAX
      ? tooManyRedirects(site, answer)
      : followed(site, endpoint, answer, account.allow)

  const post = (request: EwsRequest, timeout: number) => {
    const { body, operation } = request
    subscribing ||= operation === "Subscribe"
    const headers = headersOf(operation, anchor, subscribing)
    return http.send(endpoint, { operation, method: "POST", headers, body }, timeout)
  }

  const move = (site: CallSite, answer: HttpAnswer) =>
    Effect.flatMap(follow(site, answer), (next) => {
      endpoint = next
      return Effect.logDebug(`${site.host} redirects ${site.operation} to ${partsOf(next.url)?.host}`)
    })

  const stepDown = (site: CallSite, to: ExchangeVersion, now: number) => {
    versions.remember(origin, to, now)
    return Effect.logInfo(`${site.host} is asked for ${to} for an hour, because it refuses newer ones`)
  }

  const call: SoapCalls["call"] = <A, B>(
    request: (version: ExchangeVersion) => EwsRequest,
    decode: Decoder<A>,
    timeout: number,
    use: (came: A, left: () => number) => Effect.Effect<B, EwsError>
  ): Effect.Effect<B, EwsError> =>
    Effect.clockWith((clock) => {
      const timeLeftOf = timeLeft(clock, timeout)
      const attempt = (
        asked: ExchangeVersion,
        refusedBy?: "server" | "mailbox"
      ): Effect.Effect<B, EwsError> => {
        const made = request(asked)
        const site: CallSite = { operation: made.operation, host: partsOf(endpoint.url)?.host ?? "" }
        const left = timeLeftOf()
        if (left <= 0) return Effect.fail(new EwsTimeout({ ...site, milliseconds: timeout }))
        return Effect.flatMap(post(made, left), (answer) => {
          if (isRedirect(answer)) return Effect.flatMap(move(site, answer), () => attempt(asked, refusedBy))
          const now = clock.unsafeCurrentTimeMillis()
          const decoded = decodedBy(decode, endpoint, site, answer, now)
          const code = versionRefusal(decoded)
          const older = code === undefined ? undefined : olderThan(asked, versionIn(answer))
          if (older === undefined) {
            if (Either.isLeft(decoded)) return Effect.fail(decoded.left)
            version = asked
            const used = use(decoded.right, timeLeftOf)
            return refusedBy === "server" ? Effect.zipRight(stepDown(site, asked, now), used) : used
          }
          // The other codes may be about this mailbox's server or this operation alone.
          const byServer = code === "ErrorInvalidServerVersion" && refusedBy !== "mailbox"
          return attempt(older, byServer ? "server" : "mailbox")
        })
      }
      return attempt(
        version ?? versions.first(origin, account.exchangeVersion, clock.unsafeCurrentTimeMillis())
      )
    })

  return {
    call,
    accepted: (told) =>
      version === undefined || version === account.exchangeVersion
        ? told
        : { ...told, serverVersion: lower(told.serverVersion ?? version, version) }
  }
}

const decodedBy = <A>(
  decode: Decoder<A>,
  { seg }: AllowedEndpoint,
  site: CallSite,
  answer: HttpAnswer,
  now: number
): Either.Either<A, EwsError> => {
  const refusal = seg ? gatewayRefusal(site, answer, now) : undefined
  return refusal === undefined ? decode(site, answer, now) : Either.left(refusal)
}

/** The code by which the server says that it does not know the version, if that is what it says. */
const versionRefusal = <A>(decoded: Either.Either<A, EwsError>): string | undefined =>
  Either.isLeft(decoded) && decoded.left._tag === "EwsRefused" && VERSION_CODES.has(decoded.left.responseCode)
    ? decoded.left.responseCode
    : undefined

/**
 * The mailbox's address routes to its server, and from Subscribe on calls stay with the server that keeps the subscription
 * (FACTS section 6).
 */
const headersOf = (
  operation: EwsRequest["operation"],
  anchor: string,
  affinity: boolean
): Readonly<Record<string, string>> => {
  const headers: Record<string, string> = {
    "content-type": "text/xml; charset=utf-8",
    accept: "text/xml",
    soapaction: soapAction(operation)
  }
  // A header holds no other characters.
  if (/^[\x21-\x7e]{1,320}$/.test(anchor)) headers["x-anchormailbox"] = anchor
  if (affinity) headers["x-preferserveraffinity"] = "true"
  return headers
}
