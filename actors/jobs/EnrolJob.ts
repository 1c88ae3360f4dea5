import { Effect, type Redacted } from "effect"
import { CallbackSeal } from "../../layers/crypto/CallbackSeal.ts"
import { mailboxFingerprint } from "../../layers/crypto/MailboxFingerprint.ts"
import { Ews } from "../../layers/ews/Ews.ts"
import type { LogInBudget } from "../../layers/ews/LogInBudget.ts"
import { type NewDevice, Storage, type Tenant, type User } from "../../layers/storage/Storage.ts"
import type { Credentials } from "../../schemas/Credentials.ts"
import type { EwsError } from "../../schemas/EwsError.ts"
import type { Generation } from "../../schemas/Ids.ts"
import { Settings } from "../../schemas/Settings.ts"
import type { DeviceReply } from "../../schemas/SubscriptionMessage.ts"
import { Dossiers } from "../Dossiers.ts"
import { hash53 } from "../Ledger.ts"
import { now } from "../Now.ts"
import type { EnrolResult } from "../SubscriptionProtocol.ts"
import { UserGate } from "../UserGate.ts"
import { accountFor, type Mailbox } from "./Account.ts"
import { askedVersion } from "./AskedVersion.ts"
import { explain, notStored, reply } from "./DeviceReplies.ts"

/** Milliseconds for Subscribe and for the GetFolder behind it: both fit into the 30 s that a device waits. */
const SUBSCRIBE_TIMEOUT = 15_000
export const INBOX_TIMEOUT = 10_000

export interface Enrolment {
  readonly user: User
  readonly tenant: Tenant
  readonly mailbox: Mailbox
  readonly generation: number
  readonly credentials: Redacted.Redacted<Credentials>
  readonly budget: LogInBudget
  /** UEM ids of the devices that it is for. */
  readonly devices: ReadonlyArray<string>
  /** Milliseconds since 1970; null = the credentials do not expire. */
  readonly tokenExpiresAt: number | null
  /** undefined: the subscription is renewed for the devices that are there. */
  readonly device: NewDevice | undefined
  readonly activityId: string
}

/**
 * Makes a new subscription: Subscribe on the Inbox of the user's address, which Exchange refuses to anyone but its
 * owner, then GetFolder of the log-in's own Inbox, whose fingerprint recognises the mailbox later. Nothing is stored
 * before both succeeded, but for the part of split credentials, which the first callback may need at once.
 */
export const enrolJob = Effect.fnUntraced(
  function* (enrolment: Enrolment) {
    const { user, generation, activityId } = enrolment
    const account = yield* accountFor(enrolment.tenant, enrolment.mailbox, {
      user: user.user,
      credentials: enrolment.credentials,
      budget: enrolment.budget,
      devices: enrolment.devices,
      activityId
    })
    const seal = yield* CallbackSeal
    const url = yield* seal.makeUrl(user, generation as Generation, enrolment.credentials)
    const { statusFrequencyMinutes } = yield* Settings
    yield* Effect.logDebug(`User subscribing with [${enrolment.mailbox.authType} Auth]`)
    yield* Effect.logDebug(`EWSUrl used to subscribe: [${enrolment.mailbox.ewsUrl}]`)
    const { inbox, subscribed } = yield* Effect.gen(function* () {
      const exchange = yield* (yield* Ews).session(account)
      const subscribed = yield* exchange.subscribe(
        {
          callbackUrl: url,
          statusFrequencyMinutes: Math.max(1, Math.round(statusFrequencyMinutes)),
          watermark: undefined
        },
        SUBSCRIBE_TIMEOUT
      )
      const inbox = yield* exchange.inbox(INBOX_TIMEOUT).pipe(
        // The subscription lives at Exchange, but its owner is not proven: its callbacks must be refused.
        Effect.catchAll((error) => Effect.fail(new Unproven(error)))
      )
      return { subscribed, inbox }
    }).pipe(Effect.scoped, (yield* UserGate).through(user.user))
    const fingerprint = yield* mailboxFingerprint(user.tenant, user.user, inbox.folderId)
    const at = yield* now
    yield* (yield* Storage)
      .saveSubscribed(
        {
          user: user.user,
          generation: generation as Generation,
          subscriptionId: subscribed.subscriptionId,
          watermark: subscribed.watermark ?? null,
          ewsUrl: enrolment.mailbox.ewsUrl,
          exchangeVersion: askedVersion(enrolment.mailbox.exchangeVersion, [
            subscribed.serverVersion,
            inbox.serverVersion
          ]),
          authType: enrolment.mailbox.authType,
          tokenExpiresAt: enrolment.tokenExpiresAt,
          subscribedAt: at,
          form: null,
          unread: inbox.unreadCount
        },
        fingerprint,
        enrolment.device
      )
      .pipe(Effect.mapError(() => new NotStored()))
    yield* (yield* Dossiers).forget(user.user)
    yield* Effect.logInfo(`User ${user.userId} subscribed with subscriptionId [${subscribed.subscriptionId}]`)
    return {
      _tag: "Subscribed",
      generation,
      subscriptionId: subscribed.subscriptionId,
      watermark: subscribed.watermark,
      unread: inbox.unreadCount,
      endpoint: hash53(enrolment.mailbox.ewsUrl),
      tokenExpiresAt: enrolment.tokenExpiresAt ?? 0,
      reply: reply("UserSubscribed", "", { subscriptionId: subscribed.subscriptionId })
    } satisfies EnrolResult
  },
  (job, { generation, user }) =>
    Effect.catchAll(job, (error) => {
      const failed = (failure: DeviceReply, more: Partial<Failed> = {}): EnrolResult => ({
        _tag: "Failed",
        generation,
        refused: false,
        rejected: false,
        ...more,
        reply: failure
      })
      const byExchange = (cause: EwsError, refused: boolean) =>
        explain(cause, (answer) => failed(answer, { refused, rejected: cause._tag === "EwsUnauthorized" }))
      const tell = () => {
        if (error instanceof Unproven) return byExchange(error.cause, true)
        switch (error._tag) {
          case "NotStored":
            return Effect.succeed(
              failed(
                reply("UserSubscribedNotUpdatedInDb", "subscribed, but storing it failed; register again")
              )
            )
          case "StorageError":
            return Effect.succeed(failed(notStored))
          case "SealBroken":
            return Effect.succeed(
              failed(reply("InvalidDecryptedPayload", "the user's keys are gone; get the public key again"))
            )
          case "EwsUrlNotAllowed":
            return Effect.succeed(failed(reply("EWSUrlMismatch", error.message)))
          default:
            return byExchange(error, false)
        }
      }
      return mayLive(error) ? tell() : Effect.zipRight(dropPartial(user.user, generation), tell())
    })
)

/** Exchange may have made the subscription all the same, and its callbacks will need what is stored for it. */
const mayLive = (error: { readonly _tag: string; readonly sent?: boolean }): boolean =>
  error._tag === "NotStored" ||
  error._tag === "EwsTimeout" ||
  error._tag === "EwsUnusable" ||
  error.sent === true

/** What was stored of split credentials for a subscription that will never call. */
const dropPartial = (user: User["user"], generation: number) =>
  Effect.flatMap(Storage, (storage) => storage.deletePartial(user, generation as Generation)).pipe(
    Effect.ignoreLogged
  )

type Failed = Extract<EnrolResult, { readonly _tag: "Failed" }>

class Unproven {
  readonly _tag = "Unproven"
  readonly cause: EwsError
  constructor(cause: EwsError) {
    this.cause = cause
  }
}

class NotStored {
  readonly _tag = "NotStored"
}
