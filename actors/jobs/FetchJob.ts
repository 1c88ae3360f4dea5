import { Effect, Metric, Option, Redacted } from "effect"
import { CallbackSeal } from "../../layers/crypto/CallbackSeal.ts"
import { EndpointPolicy } from "../../layers/ews/EndpointPolicy.ts"
import { Push } from "../../layers/push/Push.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import type { Generation, UserNumber } from "../../schemas/Ids.ts"
import { effectivePolicy, shapeFor } from "../../schemas/MailPolicy.ts"
import { Settings } from "../../schemas/Settings.ts"
import { Dossiers } from "../Dossiers.ts"
import type { FetchResult } from "../JobResults.ts"
import { now } from "../Now.ts"
import type { Command } from "../SubscriptionProtocol.ts"
import { UserGate } from "../UserGate.ts"
import { accountFor } from "./Account.ts"
import { askExchange, type Found, type Questions, tryExchange } from "./AskExchange.ts"
import { emailFetchFailed, mailsOutsideInbox } from "./FetchMetrics.ts"
import { askThroughGateway } from "./GatewayCheck.ts"
import { forgetUrl } from "./UrlTrouble.ts"

export type Fetch = Extract<Command, { readonly _tag: "Fetch" }>

/** Waiting mails whose details are asked for with one callback's credentials. */
const BACKLOG_MAX = 50

/**
 * Asks Exchange for details and unread count with the credentials in `f`, which are open only in here. Never fails: what
 * could not be had in time is missing from the result, and the mail goes out without it.
 */
export const fetchJob = Effect.fnUntraced(function* (user: UserNumber, command: Fetch) {
  const found: Found = {
    mails: undefined,
    elsewhere: [],
    missed: undefined,
    unread: undefined,
    compliance: undefined,
    trouble: undefined
  }
  const attempt: Attempt = { found, needsMails: command.items.length > 0, needsUnread: command.unread }
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

/** What a fetch has come to so far, and what it was to bring: details of mails, the unread count. */
interface Attempt {
  readonly found: Found
  needsMails: boolean
  needsUnread: boolean
}

const LATE = "Exchange did not answer in time"

const trouble = (
  attempt: Attempt,
  kind: NonNullable<FetchResult["trouble"]>,
  reason: string
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { found, needsMails, needsUnread } = attempt
    found.trouble = kind
    if (needsMails && found.mails === undefined) {
      return Effect.zipRight(
        Metric.increment(emailFetchFailed(kind)),
        Effect.logWarning(`EmailFetchfailed: mail goes out without details: ${reason}`)
      )
    }
    const what = needsUnread && found.unread === undefined ? "the unread count" : "missed mails"
    return Effect.logWarning(`${what} could not be read: ${reason}`)
  })

const ask = Effect.fnUntraced(function* (user: UserNumber, command: Fetch, attempt: Attempt) {
  const { found } = attempt
  const dossier = Option.getOrUndefined(yield* (yield* Dossiers).of(user))
  if (dossier?.subscription === undefined || dossier.devices.length === 0) return
  const { devices, subscription, tenant } = dossier
  const { minPolicy, segCheck } = yield* Settings
  const policies = devices.map((device) => effectivePolicy(device.policy, minPolicy))
  const showsMails = policies.some((policy) => policy !== 4)
  if (!showsMails && command.since > 0) found.missed = []
  const { seg } = yield* (yield* EndpointPolicy).recall(tenant, subscription.ewsUrl)
  // Through a gateway devices that show nothing but the number are asked for by it.
  const unread = command.unread || (seg && !showsMails && command.items.length > 0)
  const questions: Questions = {
    items: showsMails ? [...command.items, ...(command.backlog ? yield* waiting(user) : [])] : [],
    unread: unread && devices.some((device) => device.platform === "iOS"),
    since: showsMails ? command.since : 0,
    shape: shapeFor(policies),
    until: command.until
  }
  attempt.needsMails = questions.items.length > 0
  attempt.needsUnread = questions.unread
  if (!attempt.needsMails && !questions.unread && questions.since === 0) return
  const received = command.items.length > 0 ? "NewMailEvent" : "ModifiedEvent"
  yield* Effect.logDebug(`Received [${received}] for subscription:[${subscription.subscriptionId ?? ""}]`)
  const seal = yield* CallbackSeal
  const credentials = yield* seal.open(
    dossier.user,
    command.generation as Generation,
    Redacted.value(command.f)
  )
  if (Option.isNone(credentials)) return yield* trouble(attempt, "sealed", "the credentials are gone")
  const gate = yield* UserGate
  const account = yield* accountFor(tenant, subscription, {
    user,
    credentials: credentials.value,
    budget: yield* gate.budget(user, command.generation),
    devices: devices.flatMap(({ deviceId }) => deviceId ?? []),
    activityId: command.activityId
  })
  const answers = seg
    ? askThroughGateway({
        devices,
        check: segCheck,
        remembered: command.blocked,
        isThorough: command.items.length > 0,
        ask: (ids) => askExchange(dossier.user, { ...account, devices: ids }, questions, found),
        retry: (ids) => tryExchange({ ...account, devices: ids }, questions),
        learn: (compliance) => {
          found.compliance = compliance
        }
      })
    : Effect.tap(askExchange(dossier.user, account, questions, found), () => {
        // It stands there no more.
        if (command.blocked === "all" || command.blocked.length > 0)
          found.compliance = { blocked: [], all: false }
      })
  yield* answers.pipe(
    Effect.ensuring(Effect.suspend(() => noteOutside(found.elsewhere.length))),
    gate.through(user),
    Effect.tapError((error) => forgetUrl(tenant, subscription.ewsUrl, error))
  )
}, Effect.scoped)

/** Mails that wait for a gateway which seems to be back. */
const waiting = Effect.fnUntraced(function* (user: UserNumber) {
  const push = yield* Push
  if (!push.isUp("iOS") && !push.isUp("Android")) return []
  const entries = yield* (yield* Storage).outboxOf(user, BACKLOG_MAX)
  return [...new Set(entries.filter((entry) => entry.kind === "mail").map((entry) => entry.itemId))]
})

const noteOutside = (count: number) =>
  count === 0
    ? Effect.void
    : Effect.zipRight(
        Metric.incrementBy(mailsOutsideInbox, count),
        Effect.logInfo(`${count} mails lie outside of the Inbox and are not announced`)
      )
