import { Clock, Effect, type Either, Layer, Redacted } from "effect"
import type { EwsError } from "../../schemas/EwsError.ts"
import { Ews, type EwsAccount, type EwsSession } from "./Ews.ts"
import type { CallSite } from "./EwsErrors.ts"
import { type HttpSession, HttpSessions } from "./HttpSessions.ts"
import { type EwsRequest, inboxRequest, mailsRequest, soapAction, subscribeRequest } from "./Requests.ts"
import { inboxResponse, mailsResponse, subscribeResponse } from "./Responses.ts"
import type { HttpAnswer } from "./SoapAnswer.ts"

/** `Ews` over SOAP and HTTP. */
export const layer: Layer.Layer<Ews, never, HttpSessions> = Layer.effect(
  Ews,
  Effect.map(HttpSessions, (sessions) =>
    Ews.of({ session: (account) => Effect.map(sessions.open(account), (http) => sessionOver(http, account)) })
  )
)

const sessionOver = (http: HttpSession, account: EwsAccount): EwsSession => {
  const call = <A>(
    request: EwsRequest,
    timeout: number,
    decode: (site: CallSite, answer: HttpAnswer, now: number) => Either.Either<A, EwsError>
  ): Effect.Effect<A, EwsError> => {
    const site: CallSite = {
      operation: request.operation,
      host: URL.parse(account.endpoint.url)?.host ?? ""
    }
    const { operation, body } = request
    const sent = http.send(
      account.endpoint,
      { operation, method: "POST", headers: headersOf(account, request), body },
      timeout
    )
    return sent.pipe(
      Effect.zip(Clock.currentTimeMillis),
      Effect.flatMap(([answer, now]) => decode(site, answer, now))
    )
  }
  return {
    subscribe: ({ callbackUrl, statusFrequencyMinutes }, timeout) =>
      call(
        subscribeRequest(account.exchangeVersion, addressOf(account), callbackUrl, statusFrequencyMinutes),
        timeout,
        subscribeResponse
      ),
    inbox: (timeout) => call(inboxRequest(account.exchangeVersion), timeout, inboxResponse),
    mails: (items, shape, timeout) =>
      items.length === 0
        ? Effect.succeed([])
        : call(mailsRequest(account.exchangeVersion, items, shape), timeout, mailsResponse),
    missed: () => Effect.succeed({ mails: [], more: false })
  }
}

const addressOf = (account: EwsAccount) => Redacted.value(account.credentials).address

const headersOf = (account: EwsAccount, request: EwsRequest): Readonly<Record<string, string>> => {
  const address = addressOf(account)
  return {
    "content-type": "text/xml; charset=utf-8",
    accept: "text/xml",
    soapaction: soapAction(request.operation),
    // Routes to the mailbox's server (FACTS section 6); a header holds no other characters.
    ...(request.operation === "Subscribe" && /^[\x21-\x7e]+$/.test(address)
      ? { "x-anchormailbox": address }
      : {})
  }
}
