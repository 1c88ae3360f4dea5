import { Effect, Metric, Option, Redacted } from "effect"
import { CallbackSeal } from "../../layers/crypto/CallbackSeal.ts"
import { Ews, type Inbox } from "../../layers/ews/Ews.ts"
import { callbackBudget } from "../../layers/ews/LogInBudget.ts"
import { Push } from "../../layers/push/Push.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import type { Generation, UserNumber } from "../../schemas/Ids.ts"
import { effectivePolicy, shapeFor } from "../../schemas/MailPolicy.ts"
import { Settings } from "../../schemas/Settings.ts"
import { Dossiers } from "../Dossiers.ts"
import { now } from "../Now.ts"
import type { Command, FetchResult } from "../SubscriptionProtocol.ts"
import { UserGate } from "../UserGate.ts"
import { accountFor } from "./Account.ts"
import { emailFetchFailed, mailsOutsideInbox } from "./FetchMetrics.ts"
import { isDoubtful, outsideFreshInbox, outsideInbox } from "./OutsideInbox.ts"

export type Fetch = Extract<Command, { readonly _tag: "Fetch" }>

/** Waiting mails whose details are asked for with one callback's credentials. */
const BACKLOG_MAX = 50

/**
 * Asks Exchange for details and unread count with the credentials in `f`, which are open only in here. Never fails: what
 * could not be had in time is missing from the result, and the mail goes out without it.
 */
export const fetchJob = Effect.fnUntraced(function* (user: UserNumber, command: Fetch) {
  // Filled as answers come, so that a deadline in the second call does not throw away the first one's answer.
  const found: Found = { mails: undefined, elsewhere: [], unread: undefined, trouble: undefined }
  const attempt: Attempt = { found, missing: command.items.length > 0 }
  const left = command.until - (yield* now)
  if (left <= 0) {
    yield* trouble(attempt, "other", LATE)
    return found
  }
  yield* ask(user, command, attempt).pipe(
    Effect.catchTags({
      EwsUnauthorized: (error) => trouble(attempt, "rejected", error.message),
      SealBroken: (error) => trouble(attempt, "sealed", error.message)
    }),
    Effect.catchAll((error) => trouble(attempt, "other", error.message)),
    Effect.timeoutTo({
      duration: left,
      onSuccess: () => Effect.void,
      onTimeout: () => trouble(attempt, "other", LATE)
    }),
    Effect.flatten
  )
  return found satisfies FetchResult
})

type Found = { -readonly [Field in keyof FetchResult]: FetchResult[Field] }

/** What a fetch has come to so far, and whether details are still missing that are needed. */
interface Attempt {
  readonly found: Found
  missing: boolean
}

const LATE = "Exchange did not answer in time"

const trouble = (
  attempt: Attempt,
  kind: NonNullable<FetchResult["trouble"]>,
  reason: string
): Effect.Effect<void> =>
  Effect.suspend(() => {
    attempt.found.trouble = kind
    return attempt.missing
      ? Effect.zipRight(
          Metric.increment(emailFetchFailed(kind)),
          Effect.logWarning(`EmailFetchfailed: mail goes out without details: ${reason}`)
        )
      : Effect.logWarning(`the unread count could not be read: ${reason}`)
  })

const ask = Effect.fnUntraced(function* (user: UserNumber, command: Fetch, attempt: Attempt) {
  const { found } = attempt
  const dossier = Option.getOrUndefined(yield* (yield* Dossiers).of(user))
  if (dossier?.subscription === undefined || dossier.devices.length === 0) return
  const { minPolicy } = yield* Settings
  const policies = dossier.devices.map((device) => effectivePolicy(device.policy, minPolicy))
  const showsMails = policies.some((policy) => policy !== 4)
  const items = showsMails ? [...command.items, ...(command.backlog ? yield* waiting(user) : [])] : []
  attempt.missing = items.length > 0
  const unread = command.unread && dossier.devices.some((device) => device.platform === "iOS")
  if (items.length === 0 && !unread) return
  const { subscriptionId } = dossier.subscription
  const received = command.items.length > 0 ? "NewMailEvent" : "ModifiedEvent"
  yield* Effect.logDebug(`Received [${received}] for subscription:[${subscriptionId ?? ""}]`)
  const seal = yield* CallbackSeal
  const credentials = yield* seal.open(
    dossier.user,
    command.generation as Generation,
    Redacted.value(command.f)
  )
  if (Option.isNone(credentials)) return yield* trouble(attempt, "sealed", "the credentials are gone")
  const account = yield* accountFor(dossier.tenant, dossier.subscription, {
    user,
    credentials: credentials.value,
    budget: callbackBudget(),
    devices: dossier.devices.flatMap(({ deviceId }) => deviceId ?? []),
    activityId: command.activityId
  })
  const exchange = Effect.gen(function* () {
    const exchange = yield* (yield* Ews).session(account)
    const freshInbox = Effect.flatMap(now, (at) => exchange.inbox(command.until - at))
    let inbox: Inbox | undefined
    if (items.length > 0) {
      const mails = yield* exchange.mails(items, shapeFor(policies), command.until - (yield* now))
      let outside = yield* outsideInbox(dossier.user, mails)
      if (isDoubtful(mails, outside)) {
        // Nothing is believed of these mails before the doubt is gone: what is outside is never announced.
        inbox = yield* freshInbox
        const doubted = outside.length
        outside = outsideFreshInbox(mails, outside, inbox)
        if (outside.length < doubted) yield* Effect.logWarning(OUTDATED)
      }
      found.elsewhere = outside
      found.mails = mails
      attempt.missing = false
    }
    if (unread) found.unread = (inbox ?? (yield* freshInbox)).unreadCount
  }).pipe(Effect.scoped, Effect.ensuring(Effect.suspend(() => noteOutside(found.elsewhere.length))))
  yield* (yield* UserGate).through(user)(exchange)
})

/** Mails that wait for a gateway which seems to be back. */
const waiting = Effect.fnUntraced(function* (user: UserNumber) {
  const push = yield* Push
  if (!push.isUp("iOS") && !push.isUp("Android")) return []
  const entries = yield* (yield* Storage).outboxOf(user, BACKLOG_MAX)
  return [...new Set(entries.filter((entry) => entry.kind === "mail").map((entry) => entry.itemId))]
})

const OUTDATED =
  "the Inbox has another id than when the user registered (was the mailbox moved?); its mails are announced all the same"

const noteOutside = (count: number) =>
  count === 0
    ? Effect.void
    : Effect.zipRight(
        Metric.incrementBy(mailsOutsideInbox, count),
        Effect.logInfo(`${count} mails lie outside of the Inbox and are not announced`)
      )
