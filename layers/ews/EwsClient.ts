import { Effect, Layer, Redacted } from "effect"
import type { EwsError } from "../../schemas/EwsError.ts"
import type { Mail, MailShape } from "../../schemas/EwsMessage.ts"
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
import { timeLeft } from "./TimeLeft.ts"

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
      call((version) => subscribeRequest(version, address, subscription), subscribeResponse, timeout).pipe(
        Effect.map(accepted)
      ),
    inbox: (timeout) => call(inboxRequest, inboxResponse, timeout).pipe(Effect.map(accepted)),
    mails: (items, shape, timeout) =>
      Effect.clockWith((clock) => {
        const left = timeLeft(clock, timeout)
        return Effect.flatMap(mailsIn(call, items, shape, left), (found) =>
          previewed(call, found, shape, left)
        )
      }),
    missed: (since, limit, shape, timeout) =>
      Effect.gen(function* () {
        const left = timeLeft(yield* Effect.clock, timeout)
        const found = yield* call(
          (version) => missedRequest(version, since, limit, shape),
          missedResponse,
          timeout
        )
        const wanted = { ...found, mails: found.mails.slice(0, Math.max(0, limit)) }
        return {
          mails: yield* previewed(call, wanted, shape, left),
          more: found.more || wanted.mails.length < found.mails.length,
          clock: found.clock
        }
      }),
    close: http.close
  }
}

/** Exchange looks at a user's budget after each item of a call (FACTS section 5), so that a long one may be cut off. */
const BATCH = 25

/** All or nothing: what is missing from an answer is taken as gone. */
const mailsIn = (
  call: SoapCalls["call"],
  items: ReadonlyArray<ItemId>,
  shape: MailShape,
  left: () => number
): Effect.Effect<FoundMails, EwsError> => {
  if (items.length === 0) return Effect.succeed({ mails: [], sizes: new Map() })
  const batch = items.slice(0, BATCH)
  const found = call((version) => mailsRequest(version, batch, shape), mailsResponse, left())
  if (items.length <= BATCH) return found
  const others = Effect.suspend(() => mailsIn(call, items.slice(BATCH), shape, left))
  return Effect.zipWith(found, others, (first, rest) => ({
    mails: [...first.mails, ...rest.mails],
    sizes: new Map([...first.sizes, ...rest.sizes])
  }))
}

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
  return call((version) => textBodiesRequest(version, items), textBodiesResponse, half).pipe(
    Effect.map((texts) => withPreviews(found.mails, texts)),
    Effect.catchAll((error: EwsError) =>
      Effect.as(Effect.logDebug(`mails go without a preview: ${error.message}`), found.mails)
    )
  )
}
