import { Context, Effect } from "effect"
import { mailboxFingerprint, sameMailbox } from "../../layers/crypto/MailboxFingerprint.ts"
import type { ServiceKeys } from "../../layers/crypto/ServiceKeys.ts"
import { Push } from "../../layers/push/Push.ts"
import { type Device, Storage, type User } from "../../layers/storage/Storage.ts"
import { whenDebugging } from "../../layers/telemetry/Debugging.ts"
import type { ItemId, UserNumber } from "../../schemas/Ids.ts"
import type { Composing } from "../../schemas/Notification.ts"
import { Settings } from "../../schemas/Settings.ts"
import { Dossiers } from "../Dossiers.ts"
import { History } from "../History.ts"
import type { AnnounceResult } from "../JobResults.ts"
import { itemEntry } from "../Ledger.ts"
import { now } from "../Now.ts"
import type { Command } from "../SubscriptionProtocol.ts"
import { backlogOf, backlogParcels, blockedParcels, emptyBacklog } from "./BacklogParcels.ts"
import { removeDeadDevices } from "./DeadDevices.ts"
import { mailsTold } from "./MailMetrics.ts"
import { NO_DEVICE, noteMails } from "./MailOutcome.ts"
import { badgeParcels, mailParcels } from "./MailParcels.ts"
import { namedDossier } from "./NamedDossier.ts"
import { type Parcel, type Sent, sendParcels } from "./Parcel.ts"
import { noteRejections } from "./Rejections.ts"
import { settleParcels } from "./Settlement.ts"
import { logTrouble } from "./StorageTrouble.ts"

export type Announce = Extract<Command, { readonly _tag: "Announce" }>

type Services = Settings | Storage | Dossiers | Push | ServiceKeys

/**
 * Notifies every device, each on its own: a dead token or a gateway that is down holds up no other device. What has no
 * final verdict when time is up goes into the outbox. Never fails; `kept` says whether every mail is in good hands. To be
 * run as a job until `command.until`.
 */
export const announceJob = (
  user: UserNumber,
  command: Announce
): Effect.Effect<AnnounceResult, never, Services> =>
  Effect.contextWithEffect((services: Context.Context<Services>) =>
    Effect.catchAll(announce(services, user, command), (error) =>
      Effect.as(logTrouble("a mail could neither be sent nor kept", error), unkept)
    )
  )

const announce = Effect.fnUntraced(function* (
  services: Context.Context<Services>,
  user: UserNumber,
  given: Announce
) {
  const dossier = yield* namedDossier(Context.get(services, Dossiers), user, given.activityId)
  const devices = dossier?.devices ?? []
  if (dossier === undefined || devices.length === 0) {
    if (dossier?.subscription !== undefined && given.mails.length > 0) {
      Context.get(services, History).note(user, "mail", NO_DEVICE, given.mails.length)
    }
    const settled = given.mails.map((mail) => itemEntry(mail.itemId))
    // A user whose first registration was never stored has no device yet, and an app that tries again.
    return { ...unkept, kept: true, settled, deviceless: dossier?.subscription !== undefined }
  }
  const command = yield* withoutDoubted(dossier.user, given)
  const doubted = given.mails.length - command.mails.length
  const storage = Context.get(services, Storage)
  const push = Context.get(services, Push)
  const settings = Context.get(services, Settings)
  const composing: Composing = {
    userId: dossier.user.userId,
    user,
    minPolicy: settings.minPolicy,
    textNewMessage: settings.textNewMessage,
    textNewMessages: settings.textNewMessages,
    now: yield* now
  }
  const backlog = yield* backlogOf(storage, user, command)
  const known = backlog ?? emptyBacklog
  const isBlocked = ({ device }: Device) => command.blocked === "all" || command.blocked.includes(device)
  const passing = devices.filter((device) => !isBlocked(device))
  const parcels = [
    ...mailParcels(push, user, passing, command, known, composing),
    ...badgeParcels(user, passing, command, composing),
    ...blockedParcels(devices.filter(isBlocked), known),
    ...backlogParcels(push, passing, known, command, composing)
  ]
  yield* whenDebugging(() => logAsEns2(dossier.user.userId, command, parcels))
  const sent = yield* sendParcels(push, parcels, command.until)
  yield* whenDebugging(() => logVerdicts(sent))
  const isAllWell = sent.every(({ verdict }) => verdict._tag === "Delivered")
  if (!isAllWell) yield* noteRejections(user, sent)
  const deviceless = !isAllWell && (yield* removeDeadDevices(user, sent))
  const result = yield* settleParcels(storage, command, devices, backlog, sent)
  if (result.kept) mailsTold.unsafeUpdate(command.mails.length, [])
  const history = Context.get(services, History)
  if (command.mails.length > 0 || doubted === 0) noteMails(history, user, command, sent, result.kept)
  if (doubted > 0) {
    history.note(user, "error", UNCONFIRMED, doubted)
    yield* Effect.logInfo(`${doubted} mails are not announced before Exchange confirms them: ${UNCONFIRMED}`)
  }
  return { ...result, doubted, uncounted: doubted > 0 && given.badgeCounted, deviceless }
})

/**
 * Leaves out mails that nobody has confirmed to be in the Inbox and whose event names another folder: a callback URL that
 * leaked must not do to have something announced.
 */
const withoutDoubted = Effect.fnUntraced(function* (user: User, command: Announce) {
  const { badge, badgeCounted, mails, previousBadge } = command
  const folders = new Set(mails.flatMap(({ doubted }) => (doubted === undefined ? [] : doubted)))
  if (folders.size === 0) return command
  const others = new Set<ItemId>()
  for (const folder of folders) {
    const found = yield* mailboxFingerprint(user.tenant, user.user, folder)
    if (!sameMailbox(user.fingerprint, found)) others.add(folder)
  }
  const sure = mails.filter(({ doubted }) => doubted === undefined || !others.has(doubted))
  const left = mails.length - sure.length
  if (left === 0 || badge === undefined || !badgeCounted) return { ...command, mails: sure }
  const counted = Math.max(0, badge - left)
  return { ...command, mails: sure, badge: counted, badgeChanged: counted !== previousBadge }
})

const UNCONFIRMED = "Exchange could not be asked, and their folder is not known to be the Inbox"

/** The lines that administrators of ENS2 search for. */
const logAsEns2 = Effect.fnUntraced(function* (
  userId: string,
  { badge, badgeChanged, previousBadge }: Announce,
  parcels: ReadonlyArray<Parcel>
) {
  if (badgeChanged) {
    yield* Effect.logDebug(
      `-BADGE UPDATE- [${badge}] previous BADGE count is [${previousBadge ?? "unknown"}]`
    )
  }
  for (const { device, notification } of parcels) {
    if (notification === undefined) continue
    yield* Effect.logDebug(
      `About to Post Notification for user : [${userId}] and Device Id : [${device.device}]`
    )
  }
})

/** What became of them; the requests to a gateway are of several users, so that theirs belong to no activity. */
const logVerdicts = (sent: ReadonlyArray<Sent>): Effect.Effect<void> =>
  Effect.forEach(
    sent.filter(({ notification }) => notification !== undefined),
    ({ device, verdict }) =>
      Effect.logDebug(`Posted Notification for Device Id : [${device.device}]: [${verdict._tag}]`),
    { discard: true }
  )

const unkept: AnnounceResult = {
  settled: [],
  doubted: 0,
  uncounted: false,
  kept: false,
  badge: undefined,
  flushed: 0,
  waiting: false,
  deviceless: false
}
