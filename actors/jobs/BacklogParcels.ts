import { Effect } from "effect"
import { Push } from "../../layers/push/Push.ts"
import { type Device, type OutboxEntry, Storage } from "../../layers/storage/Storage.ts"
import { Announcement } from "../../schemas/Announcement.ts"
import type { DeviceNumber, ItemId, UserNumber } from "../../schemas/Ids.ts"
import { type Composing, compose } from "../../schemas/Notification.ts"
import type { Announce } from "./AnnounceJob.ts"
import { newMail } from "./MailParcels.ts"
import type { Parcel } from "./Parcel.ts"

/** Entries of one user that one flush takes from the outbox. */
const BACKLOG_MAX = 200
/** More mails at once than this become one summary (contract section 3). */
export const SUMMARY_OVER = 5

/** What waits in the outbox for one user's devices, the oldest first. */
export interface Backlog {
  readonly size: number
  /** More may wait than was read. */
  readonly isCut: boolean
  readonly of: (device: DeviceNumber) => ReadonlyArray<OutboxEntry>
  readonly holds: (device: DeviceNumber, item: ItemId) => boolean
}

/**
 * Reads the user's part of the outbox; undefined if it cannot be read, since that must not hold up the mail in hand. Read
 * for every mail, because after a start nobody remembers what waits, and the callback that put it there may be repeated.
 */
export const backlogOf = (
  user: UserNumber,
  { backlog, mails }: Announce
): Effect.Effect<Backlog | undefined, never, Storage> =>
  !backlog && mails.length === 0
    ? Effect.succeed(emptyBacklog)
    : Effect.flatMap(Storage, (storage) => storage.outboxOf(user, BACKLOG_MAX)).pipe(
        Effect.map(backlogFrom),
        Effect.orElseSucceed(() => undefined)
      )

/** What waits, for the devices whose gateway takes something: more than five mails as one summary. */
export const backlogParcels = Effect.fnUntraced(function* (
  devices: ReadonlyArray<Device>,
  backlog: Backlog,
  command: Announce,
  composing: Composing
) {
  const push = yield* Push
  const details = new Map(command.details.map((mail) => [mail.itemId, mail]))
  const parcels: Array<Parcel> = []
  for (const device of devices) {
    const entries = backlog.of(device.device)
    if (entries.length === 0 || !push.isUp(device.platform)) continue
    const add = (announcement: Announcement | undefined, of: ReadonlyArray<OutboxEntry>) =>
      parcels.push({
        device,
        notification: announcement && compose(device, announcement, composing),
        entries: of,
        stored: true,
        postponed: false,
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

/** What waits for devices that a Secure Email Gateway does not let pass is over for them. */
export const blockedParcels = (devices: ReadonlyArray<Device>, backlog: Backlog): ReadonlyArray<Parcel> =>
  devices.flatMap((device) => {
    const entries = backlog.of(device.device).filter(({ kind }) => kind !== "resubscribe")
    if (entries.length === 0) return []
    return [{ device, notification: undefined, entries, stored: true, postponed: false, badge: undefined }]
  })

const backlogFrom = (entries: ReadonlyArray<OutboxEntry>): Backlog => {
  if (entries.length === 0) return emptyBacklog
  const byDevice = Map.groupBy(entries, ({ device }) => device)
  const of = (device: DeviceNumber) => byDevice.get(device) ?? []
  return {
    size: entries.length,
    isCut: entries.length >= BACKLOG_MAX,
    of,
    holds: (device, item) => of(device).some(({ itemId, kind }) => kind === "mail" && itemId === item)
  }
}

export const emptyBacklog: Backlog = { size: 0, isCut: false, of: () => [], holds: () => false }
