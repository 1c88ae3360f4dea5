import { Effect, type Redacted } from "effect"
import { CallbackSeal } from "../../layers/crypto/CallbackSeal.ts"
import { mailboxFingerprint } from "../../layers/crypto/MailboxFingerprint.ts"
import { ServiceKeys } from "../../layers/crypto/ServiceKeys.ts"
import type { EwsAccount, EwsCalls, Inbox, PushSubscription } from "../../layers/ews/Ews.ts"
import type { LogInBudget } from "../../layers/ews/LogInBudget.ts"
import { persistently } from "../../layers/ews/Persistence.ts"
import { withSession } from "../../layers/ews/WithSession.ts"
import { mayAct, Ownership } from "../../layers/ownership/Ownership.ts"
import { type NewDevice, Storage, type Tenant, type User } from "../../layers/storage/Storage.ts"
import { warnOf } from "../../layers/telemetry/TroubleLog.ts"
import type { Credentials } from "../../schemas/Credentials.ts"
import type { DeviceNumber, Generation, Watermark } from "../../schemas/Ids.ts"
import { shapeFor } from "../../schemas/MailPolicy.ts"
import type { Policy } from "../../schemas/Push.ts"
import { Settings } from "../../schemas/Settings.ts"
import { changing } from "../Dossiers.ts"
import { History } from "../History.ts"
import type { EnrolResult } from "../JobResults.ts"
import { hash53 } from "../Ledger.ts"
import { now } from "../Now.ts"
import { askedFrequency, formOf } from "../SubscriptionForm.ts"
import { UserGate } from "../UserGate.ts"
import { accountFor, type Mailbox } from "./Account.ts"
import { askedVersion } from "./AskedVersion.ts"
import { reply } from "./DeviceReplies.ts"
import { NotActive, NotStored, Unproven } from "./EnrolFailure.ts"
import { missedMails } from "./MissedMails.ts"
import { forgetUrl } from "./UrlTrouble.ts"
import { worksAt } from "./UserTrouble.ts"
import { withYoungSealKey } from "./YoungSealKey.ts"

/** What part of the time is kept for the GetFolder behind the Subscribe, without which the subscription is worth nothing. */
const INBOX_SHARE = 1 / 3

export interface Enrolment {
  readonly user: User
  readonly tenant: Tenant
  readonly mailbox: Mailbox
  readonly generation: number
  readonly credentials: Redacted.Redacted<Credentials>
  readonly budget: LogInBudget
  /** UEM ids of the devices that it is for. */
  readonly devices: ReadonlyArray<string>
  /** Which of the user's devices these are, as far as storage knows them already. */
  readonly known: ReadonlyArray<DeviceNumber>
  /** Policies of all devices, which say how much of a missed mail is worth asking for. */
  readonly policies: ReadonlyArray<Policy>
  /** Milliseconds since 1970; null = the credentials do not expire. */
  readonly tokenExpiresAt: number | null
  /** undefined: the subscription is renewed for the devices that are there. */
  readonly device: NewDevice | undefined
  /** Where events are to go on. */
  readonly watermark: Watermark | undefined
  /** Mails that came since then are looked for, unless events go on; 0 = none. */
  readonly since: number
  /** When Exchange's answers are of no use any more. */
  readonly until: number
  readonly activityId: string
}

/**
 * Makes a new subscription: Subscribe on the Inbox of the user's address, which Exchange refuses to anyone but its
 * owner, then GetFolder of the log-in's own Inbox, whose fingerprint recognises the mailbox later. Nothing is stored
 * before both succeeded, but for what the first callback may need at once: a new key in the place of one that is too old,
 * and the part of split credentials.
 */
export const enrol = Effect.fnUntraced(function* (enrolment: Enrolment) {
  const { activityId, generation, mailbox } = enrolment
  const account = yield* accountFor(enrolment.tenant, mailbox, {
    user: enrolment.user.user,
    credentials: enrolment.credentials,
    budget: enrolment.budget,
    devices: enrolment.devices,
    activityId
  })
  const user = yield* withYoungSealKey(enrolment.user)
  const url = yield* (yield* CallbackSeal).makeUrl(user, generation as Generation, enrolment.credentials)
  const settings = yield* Settings
  yield* Effect.logDebug(`User subscribing with [${mailbox.authType} Auth]`)
  yield* Effect.logDebug(`EWSUrl used to subscribe: [${mailbox.ewsUrl}]`)
  const { inbox, missed, subscribed } = yield* subscribeWith(account, url, enrolment).pipe(
    Effect.tapError((error) =>
      error._tag === "Unproven" || error._tag === "NotActive"
        ? Effect.void
        : forgetUrl(enrolment.tenant, mailbox.ewsUrl, error)
    )
  )
  const fingerprint = yield* mailboxFingerprint(user.tenant, user.user, inbox.folderId)
  const { form } = yield* ServiceKeys
  const at = yield* now
  const saved = yield* (yield* Storage)
    .saveSubscribed(
      {
        user: user.user,
        generation: generation as Generation,
        subscriptionId: subscribed.subscriptionId,
        watermark: subscribed.watermark ?? null,
        ewsUrl: mailbox.ewsUrl,
        exchangeVersion: askedVersion(mailbox.exchangeVersion, [
          subscribed.serverVersion,
          inbox.serverVersion
        ]),
        authType: mailbox.authType,
        tokenExpiresAt: enrolment.tokenExpiresAt,
        subscribedAt: at,
        form: formOf(settings, form),
        unread: inbox.unreadCount
      },
      fingerprint,
      enrolment.device
    )
    .pipe(
      changing(user.user),
      Effect.mapError(() => new NotStored())
    )
  const how = enrolment.device === undefined ? "renewed" : "made"
  ;(yield* History).note(
    user.user,
    "subscribed",
    `${how} at ${URL.parse(mailbox.ewsUrl)?.host ?? "Exchange"}, generation ${generation}`
  )
  yield* worksAt(mailbox.ewsUrl)
  yield* Effect.logInfo(`User ${user.userId} subscribed with subscriptionId [${subscribed.subscriptionId}]`)
  return {
    _tag: "Subscribed",
    generation,
    subscriptionId: subscribed.subscriptionId,
    watermark: subscribed.watermark,
    unread: inbox.unreadCount,
    endpoint: hash53(mailbox.ewsUrl),
    tokenExpiresAt: enrolment.tokenExpiresAt ?? 0,
    sealedSince: user.sealKeyMadeAt,
    missed,
    passed: account.endpoint.seg
      ? [...enrolment.known, ...(saved === undefined ? [] : [saved.device])]
      : "all",
    reply: reply("UserSubscribed", "", { subscriptionId: subscribed.subscriptionId })
  } satisfies EnrolResult
})

/**
 * Subscribe, and what is asked behind it. Each repeat has a new session, so that other calls of the host have their turn in
 * the pauses; those before another Subscribe are for the user's other calls, too.
 */
const subscribeWith = Effect.fnUntraced(function* (account: EwsAccount, url: string, enrolment: Enrolment) {
  const { until, user, watermark } = enrolment
  const start = yield* now
  const subscribeUntil = until - (until - start) * INBOX_SHARE
  const subscription = {
    callbackUrl: url,
    statusFrequencyMinutes: askedFrequency(yield* Settings),
    watermark
  }
  const ownership = yield* Ownership
  const attempt = withSession(account, (exchange) =>
    Effect.gen(function* () {
      // Two nodes would each give their subscription the same generation.
      if (!mayAct(ownership)) return yield* Effect.fail(new NotActive())
      const { isResumed, subscribed } = yield* subscribe(exchange, subscription, subscribeUntil)
      const inbox = yield* persistently({ until }, exchange.inbox).pipe(
        Effect.mapError((error) => new Unproven(error))
      )
      const missed = isResumed ? [] : yield* missedIn(exchange, inbox, enrolment)
      return { subscribed, inbox, missed }
    })
  ).pipe((yield* UserGate).through(user.user))
  return yield* persistently({ until: subscribeUntil, creates: true }, () => attempt)
})

/** A watermark is good for 30 days, and in its own database; without one events begin now. */
const subscribe = (exchange: EwsCalls, subscription: PushSubscription, until: number) => {
  const from = (watermark: Watermark | undefined) =>
    Effect.flatMap(now, (at) =>
      exchange.subscribe({ ...subscription, watermark }, Math.max(0, until - at))
    ).pipe(Effect.map((subscribed) => ({ subscribed, isResumed: watermark !== undefined })))
  return from(subscription.watermark).pipe(
    Effect.catchIf(
      (error) =>
        subscription.watermark !== undefined &&
        error._tag === "EwsRefused" &&
        error.responseCode === "ErrorInvalidWatermark",
      () => from(undefined)
    )
  )
}

/** That it cannot be had is no reason not to subscribe: a later callback brings credentials, too. */
const missedIn = (exchange: EwsCalls, inbox: Inbox, { policies, since, until }: Enrolment) => {
  if (since === 0) return Effect.succeed(undefined)
  if (policies.every((policy) => policy === 4)) return Effect.succeed([])
  const shape = shapeFor(policies)
  return persistently({ until }, (left) => missedMails(exchange, since, shape, left)).pipe(
    Effect.map((mails) =>
      mails.filter(({ parentFolderId }) => parentFolderId === undefined || parentFolderId === inbox.folderId)
    ),
    Effect.catchAll((error) =>
      Effect.as(warnOf(error, `missed mails could not be looked for: ${error.message}`), undefined)
    )
  )
}
