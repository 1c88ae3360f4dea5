import { Effect } from "effect"
import type { EwsAccount, EwsCalls, Inbox } from "../../layers/ews/Ews.ts"
import { persistently } from "../../layers/ews/Persistence.ts"
import { withSession } from "../../layers/ews/WithSession.ts"
import type { User } from "../../layers/storage/Storage.ts"
import type { EwsError } from "../../schemas/EwsError.ts"
import type { Mail, MailShape } from "../../schemas/EwsMessage.ts"
import type { ItemId } from "../../schemas/Ids.ts"
import type { FetchResult } from "../JobResults.ts"
import { now } from "../Now.ts"
import { missedMails } from "./MissedMails.ts"
import { isDoubtful, outsideFreshInbox, outsideInbox } from "./OutsideInbox.ts"

/** What a fetch has come to so far: a deadline in a later call does not throw away what earlier ones answered. */
export type Found = { -readonly [Field in keyof FetchResult]: FetchResult[Field] }

/** What Exchange is asked for, for one user. */
export interface Questions {
  readonly items: ReadonlyArray<ItemId>
  readonly unread: boolean
  /** Unread mails that came since then; 0 = none. */
  readonly since: number
  readonly shape: MailShape
  readonly until: number
}

/**
 * Asks in one session, but for pauses in which others have its place at the host: the mails first, then the unread count,
 * then what may have been missed. Answers go into `found`.
 */
export const askExchange = (user: User, account: EwsAccount, questions: Questions, found: Found) =>
  withSession(account, (exchange) =>
    Effect.ensuring(
      askIn(exchange, user, questions, found),
      // Of the devices of a gateway that is asked for each by itself, the calls of one count for all.
      Effect.sync(() => {
        found.calls = Math.max(found.calls, exchange.made)
      })
    )
  )

/** The same over calls that somebody else gives up. */
export const askIn = Effect.fnUntraced(function* (
  exchange: EwsCalls,
  user: User,
  questions: Questions,
  found: Found
) {
  const { items, shape, since, unread, until } = questions
  const patiently = <A>(call: Call<A>) => persistently({ until }, call)
  // A mail in hand does not wait for further tries of what it can do without.
  const incidentally = items.length === 0 ? patiently : <A>(call: Call<A>) => once(until, call)
  let inbox: Inbox | undefined
  const freshInbox = (ask: typeof patiently) =>
    Effect.suspend(() => (inbox === undefined ? ask(exchange.inbox) : Effect.succeed(inbox))).pipe(
      Effect.tap((read) => {
        inbox = read
      })
    )
  const outsideOf = Effect.fnUntraced(function* (mails: ReadonlyArray<Mail>) {
    const outside = yield* outsideInbox(user, mails)
    if (!isDoubtful(mails, outside)) return outside
    // Nothing is believed of these mails before the doubt is gone: what is outside is never announced.
    const left = outsideFreshInbox(mails, outside, yield* freshInbox(patiently))
    if (left.length < outside.length) yield* Effect.logWarning(OUTDATED)
    return left
  })
  if (items.length > 0) {
    const mails = yield* patiently((left) => exchange.mails(items, shape, left))
    found.elsewhere = yield* outsideOf(mails)
    found.mails = mails
  }
  if (unread) found.unread = (yield* freshInbox(incidentally)).unreadCount
  if (since > 0) {
    const missed = yield* incidentally((left) => missedMails(exchange, since, shape, left))
    const outside = new Set(yield* outsideOf(missed))
    found.missed = missed.filter(({ itemId }) => !outside.has(itemId))
  }
})

/** Asks for the mails, or else for the Inbox, only to learn whether there is an answer; it is thrown away. */
export const tryExchange = (account: EwsAccount, { items, shape, until }: Questions) =>
  withSession(account, (exchange) =>
    once(until, (left) =>
      items.length > 0
        ? Effect.asVoid(exchange.mails(items, shape, left))
        : Effect.asVoid(exchange.inbox(left))
    )
  )

type Call<A> = (left: number) => Effect.Effect<A, EwsError>

const once = <A>(until: number, call: Call<A>) => Effect.flatMap(now, (at) => call(Math.max(0, until - at)))

const OUTDATED =
  "the Inbox has another id than when the user registered (was the mailbox moved?); its mails are announced all the same"
