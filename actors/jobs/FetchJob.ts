import { Cause, Context, Effect, Either, Metric, Option, Redacted } from "effect"
import { CallbackSeal } from "../../layers/crypto/CallbackSeal.ts"
import type { MasterKey, SealBroken } from "../../layers/crypto/MasterKey.ts"
import type { ServiceKeys } from "../../layers/crypto/ServiceKeys.ts"
import type { Autodiscover } from "../../layers/ews/Autodiscover.ts"
import { EndpointPolicy, type EwsUrlNotAllowed } from "../../layers/ews/EndpointPolicy.ts"
import { Ews, type EwsAccount } from "../../layers/ews/Ews.ts"
import { SessionCalls } from "../../layers/ews/WithSession.ts"
import { Push } from "../../layers/push/Push.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { whenDebugging } from "../../layers/telemetry/Debugging.ts"
import { tellingOf } from "../../layers/telemetry/TroubleLog.ts"
import type { EwsError } from "../../schemas/EwsError.ts"
import type { FaultName } from "../../schemas/Fault.ts"
import type { Generation, UserNumber } from "../../schemas/Ids.ts"
import { effectivePolicy, shapeFor } from "../../schemas/MailPolicy.ts"
import { Settings } from "../../schemas/Settings.ts"
import type { StorageError } from "../../schemas/StorageError.ts"
import { Dossiers } from "../Dossiers.ts"
import { History } from "../History.ts"
import type { FetchResult } from "../JobResults.ts"
import { now } from "../Now.ts"
import type { Command } from "../SubscriptionProtocol.ts"
import { UserGate, type Visit } from "../UserGate.ts"
import { accountFor } from "./Account.ts"
import { askExchange, askIn, type Found, type Questions, tryExchange } from "./AskExchange.ts"
import { causeText } from "./CauseText.ts"
import { emailFetchFailed, mailsOutsideInbox } from "./FetchMetrics.ts"
import { askThroughGateway } from "./GatewayCheck.ts"
import { namedDossier } from "./NamedDossier.ts"
import { calledBack } from "./NeverCalledBackJob.ts"
import { logTrouble } from "./StorageTrouble.ts"
import { forgetUrl } from "./UrlTrouble.ts"

export type Fetch = Extract<Command, { readonly _tag: "Fetch" }>

/** Waiting mails whose details are asked for with one callback's credentials. */
const BACKLOG_MAX = 50

type Services =
  | Settings
  | Dossiers
  | EndpointPolicy
  | Autodiscover
  | CallbackSeal
  | UserGate
  | MasterKey
  | ServiceKeys
  | Ews
  | Push
  | Storage

/**
 * Asks Exchange for details and unread count with the credentials in `f`, which are open only in here. Never fails: what
 * could not be had in time is missing from the result, and the mail goes out without it. To be run as a job until
 * `command.until`.
 */
export const fetchJob = (user: UserNumber, command: Fetch): Effect.Effect<FetchResult, never, Services> =>
  Effect.contextWithEffect((services: Context.Context<Services>) => {
    const found: Found = {
      mails: undefined,
      elsewhere: [],
      missed: undefined,
      calls: 0,
      unread: undefined,
      compliance: undefined,
      trouble: undefined
    }
    const visit = Context.get(services, UserGate).visit(user)
    const attempt: Attempt = {
      found,
      visit,
      calls: undefined,
      isUserKnown: false,
      needsMails: command.items.length > 0,
      needsUnread: command.unread,
      note: (what) => Context.get(services, History).note(user, "error", what)
    }
    // One region for turn, session and deadline, because this is done for every mail.
    const leave = () => {
      if (attempt.calls !== undefined) {
        attempt.calls.giveUp()
        found.calls = attempt.calls.made
      }
      visit.leave()
    }
    return Effect.matchCauseEffect(Effect.interruptible(ask(services, user, command, attempt)), {
      onFailure: (cause) => {
        leave()
        return Effect.as(Effect.zipRight(noteOutside(found), whyNot(cause, attempt, command.until)), found)
      },
      onSuccess: () => {
        leave()
        return found.elsewhere.length === 0 ? Effect.succeed(found) : Effect.as(noteOutside(found), found)
      }
    })
  })

/** What a fetch has come to so far, and what it was to bring: details of mails, the unread count. */
interface Attempt {
  readonly found: Found
  readonly visit: Visit
  /** Open, perhaps. */
  calls: SessionCalls | undefined
  /** The user's record has been read. */
  isUserKnown: boolean
  needsMails: boolean
  needsUnread: boolean
  /** Into the user's history. */
  readonly note: (what: string) => void
}

const LATE = "Exchange did not answer in time"
const LATE_BRIEFLY: FaultName = "exchange-busy"

/** Notes what went wrong. A defect, or being interrupted before the time was over, stays what it is. */
const whyNot = (cause: Cause.Cause<FetchError>, attempt: Attempt, until: number): Effect.Effect<void> => {
  const reason = Cause.failureOrCause(cause)
  if (Either.isLeft(reason)) {
    const error = reason.left
    // Then nothing goes out: the announcement finds no record either, and Exchange repeats the callback.
    if (error._tag === "StorageError" && !attempt.isUserKnown) {
      attempt.found.trouble = "other"
      return logTrouble("details of a mail are not asked for", error)
    }
    const said = trouble(attempt, KINDS.get(error._tag) ?? "other", error.message, causeText(error))
    return error._tag === "SealBroken" ? said : tellingOf(error, said)
  }
  if (!Cause.isInterruptedOnly(reason.right)) return Effect.failCause(reason.right)
  return Effect.flatMap(now, (at) =>
    at < until ? Effect.failCause(reason.right) : trouble(attempt, "other", LATE, LATE_BRIEFLY)
  )
}

type FetchError = EwsError | EwsUrlNotAllowed | SealBroken | StorageError

const KINDS: ReadonlyMap<string, NonNullable<FetchResult["trouble"]>> = new Map([
  ["EwsUnauthorized", "rejected"],
  ["SealBroken", "sealed"]
])

const trouble = (
  attempt: Attempt,
  kind: NonNullable<FetchResult["trouble"]>,
  reason: string,
  why = reason
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { found, needsMails, needsUnread, note } = attempt
    found.trouble = kind
    if (needsMails && found.mails === undefined) {
      note(`${why}: mail goes out without details`)
      return Effect.zipRight(
        Metric.increment(emailFetchFailed(kind)),
        Effect.logWarning(`EmailFetchfailed: mail goes out without details: ${reason}`)
      )
    }
    const what = needsUnread && found.unread === undefined ? "the unread count" : "missed mails"
    note(`${why}: ${what} could not be read`)
    return Effect.logWarning(`${what} could not be read: ${reason}`)
  })

const ask = Effect.fnUntraced(function* (
  services: Context.Context<Services>,
  user: UserNumber,
  command: Fetch,
  attempt: Attempt
) {
  const { found, visit } = attempt
  const dossier = yield* namedDossier(Context.get(services, Dossiers), user, command.activityId)
  attempt.isUserKnown = true
  if (command.until <= (yield* now)) return yield* trouble(attempt, "other", LATE, LATE_BRIEFLY)
  if (dossier?.subscription === undefined || dossier.devices.length === 0) return
  const { devices, subscription, tenant } = dossier
  const back = calledBack(Context.get(services, Dossiers), subscription.ewsUrl)
  if (back !== undefined) yield* back
  const { minPolicy, segCheck } = Context.get(services, Settings)
  const policies = devices.map((device) => effectivePolicy(device.policy, minPolicy))
  const showsMails = policies.some((policy) => policy !== 4)
  if (!showsMails && command.since > 0) found.missed = []
  const { seg } = yield* Context.get(services, EndpointPolicy).recall(tenant, subscription.ewsUrl)
  // Through a gateway devices that show nothing but the number are asked for by it.
  const unread = command.unread || (seg && !showsMails && command.items.length > 0)
  const questions: Questions = {
    items: showsMails ? [...command.items, ...(command.backlog === true ? yield* waiting(user) : [])] : [],
    unread: unread && devices.some((device) => device.platform === "iOS"),
    since: showsMails ? command.since : 0,
    shape: shapeFor(policies),
    until: command.until
  }
  attempt.needsMails = questions.items.length > 0
  attempt.needsUnread = questions.unread
  if (!attempt.needsMails && !questions.unread && questions.since === 0) return
  yield* whenDebugging(() => {
    const received = command.items.length > 0 ? "CreatedEvent" : "ModifiedEvent"
    return Effect.logDebug(`Received [${received}] for subscription:[${subscription.subscriptionId ?? ""}]`)
  })
  const credentials = yield* Context.get(services, CallbackSeal).open(
    dossier.user,
    command.generation as Generation,
    Redacted.value(command.f)
  )
  if (Option.isNone(credentials)) return yield* trouble(attempt, "sealed", "the credentials are gone")
  const account = yield* accountFor(tenant, subscription, {
    user,
    credentials: credentials.value,
    budget: visit.budget(command.generation),
    devices: devices.flatMap(({ deviceId }) => deviceId ?? []),
    activityId: command.activityId
  })
  yield* visit.turn
  const answers = seg
    ? askThroughGateway({
        devices,
        check: segCheck,
        remembered: command.blocked,
        isThorough: () => command.items.length > 0 && mayBeNews(found),
        ask: (ids) => askExchange(dossier.user, { ...account, devices: ids }, questions, found),
        retry: (ids) => tryExchange({ ...account, devices: ids }, questions),
        learn: (compliance) => {
          found.compliance = compliance
        }
      })
    : askIn(callsOf(services, account, attempt, command), dossier.user, questions, found)
  yield* Effect.tapError(answers, (error) => forgetUrl(tenant, subscription.ewsUrl, error))
  // It stands there no more.
  if (!seg && (command.blocked === "all" || command.blocked.length > 0)) {
    found.compliance = { blocked: [], all: false }
  }
})

/** False once Exchange has said that nothing of what it was asked about is to be announced. */
const mayBeNews = ({ elsewhere, mails, missed = [] }: Found): boolean =>
  mails === undefined ||
  missed.length > 0 ||
  mails.some(({ isRead, itemId }) => !isRead && !elsewhere.includes(itemId))

const callsOf = (
  services: Context.Context<Services>,
  account: EwsAccount,
  attempt: Attempt,
  { calls }: Fetch
): SessionCalls => {
  attempt.calls = new SessionCalls(Context.get(services, Ews), account, calls)
  return attempt.calls
}

/** Mails that wait for a gateway which seems to be back. */
const waiting = Effect.fnUntraced(function* (user: UserNumber) {
  const push = yield* Push
  if (!push.isUp("iOS") && !push.isUp("Android")) return []
  const entries = yield* (yield* Storage).outboxOf(user, BACKLOG_MAX)
  return [...new Set(entries.filter((entry) => entry.kind === "mail").map((entry) => entry.itemId))]
})

const noteOutside = ({ elsewhere: { length: count } }: Found): Effect.Effect<void> =>
  count === 0
    ? Effect.void
    : Effect.zipRight(
        Metric.incrementBy(mailsOutsideInbox, count),
        Effect.logInfo(`${count} mails lie outside of the Inbox and are not announced`)
      )
