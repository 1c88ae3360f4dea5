import { Effect, Option } from "effect"
import { Push } from "../../layers/push/Push.ts"
import { type Device, type OutboxEntry, Storage } from "../../layers/storage/Storage.ts"
import { Announcement } from "../../schemas/Announcement.ts"
import type { Mail } from "../../schemas/EwsMessage.ts"
import type { ItemId, UserNumber } from "../../schemas/Ids.ts"
import { effectivePolicy } from "../../schemas/MailPolicy.ts"
import { type Composing, compose } from "../../schemas/Notification.ts"
import { isFinal, type PushNotification, Verdict } from "../../schemas/Push.ts"
import { Settings } from "../../schemas/Settings.ts"
import { Dossiers } from "../Dossiers.ts"
import { deviceEntry, isSettled, itemEntry } from "../Ledger.ts"
import { now } from "../Now.ts"
import type { AnnounceResult, Command } from "../SubscriptionProtocol.ts"

export type Announce = Extract<Command, { readonly _tag: "Announce" }>

/** Entries of one user that one flush takes from the outbox. */
const BACKLOG_MAX = 200
/** More waiting mails than this become one summary (contract section 3). */
const SUMMARY_OVER = 5
const SENDS_AT_ONCE = 16

/**
 * Notifies every device, each on its own: a dead token or a gateway that is down holds up no other device. What has no
 * final verdict when time is up goes into the outbox. Never fails; `kept` says whether every mail is in good hands.
 */
export const announceJob = Effect.fnUntraced(
  function* (user: UserNumber, command: Announce) {
    const dossier = Option.getOrUndefined(yield* (yield* Dossiers).of(user))
    const devices = dossier?.devices ?? []
    if (dossier === undefined || devices.length === 0) {
      return { ...unkept, kept: true, settled: command.mails.map((mail) => itemEntry(mail.itemId)) }
    }
    const settings = yield* Settings
    const composing: Composing = {
      userId: dossier.user.userId,
      minPolicy: settings.minPolicy,
      textNewMessage: settings.textNewMessage,
      textNewMessages: settings.textNewMessages,
      now: yield* now
    }
    const waiting = command.backlog ? yield* waitingFor(user) : []
    const parcels = [
      ...mailParcels(user, devices, command, composing),
      ...badgeParcels(user, devices, command, composing),
      ...(yield* backlogParcels(devices, waiting, command, composing))
    ]
    const sent = yield* send(parcels, command.until)
    yield* removeDeadTokens(user, sent)
    return yield* settleAll(command, devices, sent, waiting.length)
  },
  Effect.catchAll((error) =>
    Effect.as(Effect.logError("a mail could neither be sent nor kept", { reason: error.message }), unkept)
  )
)

const unkept: AnnounceResult = { settled: [], kept: false, badge: undefined, flushed: 0, waiting: false }

/** A notification and what it settles. */
interface Parcel {
  readonly device: Device
  readonly notification: PushNotification | undefined
  /** What goes into the outbox if it is not taken. */
  readonly entries: ReadonlyArray<OutboxEntry>
  /** The entries are in the outbox already. */
  readonly stored: boolean
  readonly badge: number | undefined
}

interface Sent extends Parcel {
  readonly verdict: Verdict
}

const mailParcels = (
  user: UserNumber,
  devices: ReadonlyArray<Device>,
  command: Announce,
  composing: Composing
): ReadonlyArray<Parcel> =>
  command.mails.flatMap(({ itemId, mail }, index) =>
    devices
      .filter(({ device }) => !isSettled(command.ledger, itemId, device))
      .map((device) => ({
        device,
        notification:
          showsBadgeOnly(device, composing) && !(command.badgeChanged && index === 0)
            ? undefined
            : compose(device, newMail(itemId, mail, command.badge), composing),
        entries: [{ user, device: device.device, kind: "mail" as const, itemId, queuedAt: composing.now }],
        stored: false,
        badge: command.badge
      }))
  )

/** Several mails mean one new number to it, and none if the number is the same. */
const showsBadgeOnly = (device: Device, { minPolicy }: Composing): boolean =>
  effectivePolicy(device.policy, minPolicy) === 4

/** The badge alone, for devices that no mail brings it to. */
const badgeParcels = (
  user: UserNumber,
  devices: ReadonlyArray<Device>,
  { badge, badgeChanged, mails }: Announce,
  composing: Composing
): ReadonlyArray<Parcel> =>
  !badgeChanged || badge === undefined || mails.length > 0
    ? []
    : devices
        .filter((device) => device.platform === "iOS")
        .map((device) => ({
          device,
          notification: compose(device, Announcement.Badge({ count: badge }), composing),
          entries: [badgeEntry(user, device, composing)],
          stored: false,
          badge
        }))

const badgeEntry = (user: UserNumber, { device }: Device, { now }: Composing): OutboxEntry => ({
  user,
  device,
  kind: "badge",
  itemId: "" as ItemId,
  queuedAt: now
})

/** What cannot be read now waits a little longer: it must not hold up the mail in hand. */
const waitingFor = (user: UserNumber) =>
  Effect.flatMap(Storage, (storage) => storage.outboxOf(user, BACKLOG_MAX)).pipe(
    Effect.orElseSucceed((): ReadonlyArray<OutboxEntry> => [])
  )

const backlogParcels = Effect.fnUntraced(function* (
  devices: ReadonlyArray<Device>,
  waiting: ReadonlyArray<OutboxEntry>,
  command: Announce,
  composing: Composing
) {
  const push = yield* Push
  const details = new Map(command.details.map((mail) => [mail.itemId, mail]))
  const parcels: Array<Parcel> = []
  for (const device of devices) {
    const entries = waiting.filter((entry) => entry.device === device.device)
    if (entries.length === 0 || !push.isUp(device.platform)) continue
    const add = (announcement: Announcement | undefined, of: ReadonlyArray<OutboxEntry>) =>
      parcels.push({
        device,
        notification: announcement && compose(device, announcement, composing),
        entries: of,
        stored: true,
        badge: command.badge
      })
    const mails = entries.filter((entry) => entry.kind === "mail")
    if (mails.length > SUMMARY_OVER) {
      const messageIds = mails.map((entry) => entry.itemId).reverse()
      add(Announcement.Summary({ count: mails.length, messageIds, badge: command.badge }), mails)
    } else {
      for (const entry of mails) {
        add(newMail(entry.itemId, details.get(entry.itemId), command.badge), [entry])
      }
    }
    for (const entry of entries) {
      if (entry.kind === "badge") {
        const { badge } = command
        add(badge === undefined || mails.length > 0 ? undefined : Announcement.Badge({ count: badge }), [
          entry
        ])
      }
      if (entry.kind === "resubscribe") {
        add(command.asking && Announcement.Resubscribe({ reason: command.asking }), [entry])
      }
    }
  }
  return parcels
})

const newMail = (itemId: ItemId, mail: Mail | undefined, badge: number | undefined): Announcement =>
  Announcement.NewMail({
    itemId,
    sender: mail?.sender,
    subject: mail?.subject,
    preview: mail?.preview,
    badge
  })

/** One verdict per parcel; what is not sent when time is up counts as a gateway that is down. */
const send = Effect.fnUntraced(function* (parcels: ReadonlyArray<Parcel>, until: number) {
  const push = yield* Push
  const late = Verdict.GatewayDown({ reason: "not sent in time" })
  const sendOne = Effect.fnUntraced(function* ({ notification }: Parcel) {
    if (notification === undefined) return Verdict.Delivered()
    // Looked at for each of them: those that wait for their turn share the time that is left.
    const left = until - (yield* now)
    if (left <= 0) return late
    return yield* push
      .send(notification)
      .pipe(Effect.timeoutTo({ duration: left, onSuccess: (verdict) => verdict, onTimeout: () => late }))
  })
  return yield* Effect.forEach(
    parcels,
    (parcel): Effect.Effect<Sent> => Effect.map(sendOne(parcel), (verdict) => ({ ...parcel, verdict })),
    { concurrency: SENDS_AT_ONCE }
  )
})

const removeDeadTokens = Effect.fnUntraced(
  function* (user: UserNumber, sent: ReadonlyArray<Sent>) {
    const dead = new Map(
      sent
        .filter(
          ({ verdict, device }) =>
            verdict._tag === "TokenDead" &&
            (verdict.since === undefined || verdict.since >= device.registeredAt)
        )
        .map(({ device }) => [device.device, device])
    )
    if (dead.size === 0) return
    const storage = yield* Storage
    for (const device of dead.values()) {
      if (!(yield* storage.deleteDevice(user, device))) continue
      yield* Effect.logInfo("a device's push token is dead; the device is removed", { device: device.device })
    }
    yield* (yield* Dossiers).forget(user)
  },
  Effect.catchAll((error) =>
    Effect.logWarning("a dead device could not be removed", { reason: error.message })
  )
)

const settleAll = Effect.fnUntraced(function* (
  command: Announce,
  devices: ReadonlyArray<Device>,
  sent: ReadonlyArray<Sent>,
  waitingBefore: number
) {
  const storage = yield* Storage
  const open = sent.filter(({ verdict }) => !isFinal(verdict))
  const fresh = open.filter((parcel) => !parcel.stored).flatMap((parcel) => parcel.entries)
  const kept = yield* fresh.length === 0
    ? Effect.succeed(true)
    : storage.addOutbox(fresh).pipe(
        Effect.as(true),
        Effect.catchAll((error) =>
          Effect.as(Effect.logError("the outbox cannot be written", { reason: error.message }), false)
        )
      )
  const flushed = sent
    .filter((parcel) => parcel.stored && isFinal(parcel.verdict))
    .flatMap((parcel) => parcel.entries)
  // If this fails they are sent once more, with the same ids, which replace the first ones on the phone.
  if (flushed.length > 0) yield* Effect.ignoreLogged(storage.removeOutbox(flushed))
  const lost = kept ? [] : open.filter((parcel) => !parcel.stored)
  const lostMails = lost.flatMap((parcel) => parcel.entries.filter((entry) => entry.kind === "mail"))
  const shown = sent.find(
    ({ verdict, device, badge, notification }) =>
      notification !== undefined &&
      verdict._tag === "Delivered" &&
      device.platform === "iOS" &&
      badge !== undefined
  )
  return {
    settled: settledEntries(command, devices, lostMails),
    kept: lostMails.length === 0,
    badge: shown?.badge ?? (devices.some((device) => device.platform === "iOS") ? undefined : command.badge),
    flushed: flushed.length,
    waiting: (kept && fresh.length > 0) || waitingBefore > flushed.length
  } satisfies AnnounceResult
})

/** An item alone where all its devices are done, else the devices that are. */
const settledEntries = (
  command: Announce,
  devices: ReadonlyArray<Device>,
  lost: ReadonlyArray<OutboxEntry>
): ReadonlyArray<number> =>
  command.mails.flatMap(({ itemId }) => {
    const missing = new Set(lost.filter((entry) => entry.itemId === itemId).map((entry) => entry.device))
    if (missing.size === 0) return [itemEntry(itemId)]
    return devices
      .filter(({ device }) => !missing.has(device))
      .map(({ device }) => deviceEntry(itemId, device))
  })
