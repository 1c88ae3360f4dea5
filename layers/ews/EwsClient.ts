import { Effect, Layer, Redacted } from "effect"
import type { EwsError } from "../../schemas/EwsError.ts"
import type { ExchangeVersion, Mail, MailShape } from "../../schemas/EwsMessage.ts"
import type { ItemId } from "../../schemas/Ids.ts"
import { AcceptedVersions } from "./AcceptedVersions.ts"
import { Ews, type EwsAccount, type EwsSession } from "./Ews.ts"
import { type HttpSession, HttpSessions } from "./HttpSessions.ts"
import type { FoundMails } from "./MailReader.ts"
import { inboxRequest, mailsRequest, missedRequest, subscribeRequest, textBodiesRequest } from "./Requests.ts"
import {
  inboxResponse,
  mailsResponse,
  missedResponse,
  subscribeResponse,
  textBodiesResponse
} from "./Responses.ts"
import { makeSoapCalls, type SoapCalls } from "./SoapCalls.ts"
import { wantText, withPreviews } from "./TextPreview.ts"

/** `Ews` over SOAP and HTTP. */
export const layer: Layer.Layer<Ews, never, HttpSessions> = Layer.effect(
  Ews,
  Effect.map(HttpSessions, (sessions) => {
    const versions = new AcceptedVersions()
    return Ews.of({
      open: (account) => sessionOver(sessions.open(account), account, versions)
    })
  })
)

const sessionOver = (http: HttpSession, account: EwsAccount, versions: AcceptedVersions): EwsSession => {
  const { accepted, call } = makeSoapCalls(http, account, versions)
  const { address } = Redacted.value(account.credentials)
  return {
    subscribe: (subscription, timeout) =>
      call(
        (version) => subscribeRequest(version, address, subscription),
        subscribeResponse,
        timeout,
        (told) => Effect.succeed(accepted(told))
      ),
    inbox: (timeout) => call(inboxRequest, inboxResponse, timeout, (told) => Effect.succeed(accepted(told))),
    mails: (items, shape, timeout) =>
      mailsIn(call, items, shape, timeout, (found, left) => previewed(call, found, shape, left)),
    missed: (since, limit, shape, timeout) =>
      call(
        (version) => missedRequest(version, since, limit, shape),
        missedResponse,
        timeout,
        (found, left) => {
          const mails = found.mails.slice(0, Math.max(0, limit))
          const more = found.more || mails.length < found.mails.length
          const { clock } = found
          return Effect.map(previewed(call, { ...found, mails }, shape, left), (all) => ({
            mails: all,
            more,
            clock
          }))
        }
      ),
    close: http.close
  }
}

/** Exchange looks at a user's budget after each item of a call (FACTS section 5), so that a long one may be cut off. */
export const BATCH = 25

/** Calls that ask for so many mails. */
export const callsFor = (mails: number): number => Math.ceil(mails / BATCH)

/** All or nothing: what is missing from an answer is taken as gone. */
const mailsIn = <A>(
  call: SoapCalls["call"],
  items: ReadonlyArray<ItemId>,
  shape: MailShape,
  timeout: number,
  use: (found: FoundMails, left: () => number) => Effect.Effect<A, EwsError>
): Effect.Effect<A, EwsError> => {
  if (items.length === 0) return use(NO_MAILS, () => timeout)
  const batch = items.slice(0, BATCH)
  const request = (version: ExchangeVersion) => mailsRequest(version, batch, shape)
  if (items.length <= BATCH) return call(request, mailsResponse, timeout, use)
  return call(request, mailsResponse, timeout, (first, left) =>
    mailsIn(call, items.slice(BATCH), shape, left(), (rest, leftThen) => {
      const mails = [...first.mails, ...rest.mails]
      return use({ mails, sizes: new Map([...first.sizes, ...rest.sizes]) }, leftThen)
    })
  )
}

const NO_MAILS: FoundMails = { mails: [], sizes: new Map() }

/**
 * Where the version knows no previews, the beginnings of the texts. They are not worth the mails: a failure leaves them
 * out, and they take half of the time that is left, because callers have more to do in it.
 */
const previewed = (
  call: SoapCalls["call"],
  found: FoundMails,
  shape: MailShape,
  left: () => number
): Effect.Effect<ReadonlyArray<Mail>> => {
  const items = shape.preview ? wantText(found) : []
  if (items.length === 0) return Effect.succeed(found.mails)
  const half = Math.floor(left() / 2)
  return call(
    (version) => textBodiesRequest(version, items),
    textBodiesResponse,
    half,
    (texts) => Effect.succeed(withPreviews(found.mails, texts))
  ).pipe(
    Effect.catchAll((error: EwsError) =>
      Effect.as(Effect.logDebug(`mails go without a preview: ${error.message}`), found.mails)
    )
  )
}
