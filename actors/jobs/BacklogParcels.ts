import { Effect } from "effect"
import type { Push } from "../../layers/push/Push.ts"
import type { Device, OutboxEntry, Storage } from "../../layers/storage/Storage.ts"
import { Announcement } from "../../schemas/Announcement.ts"
import type { DeviceNumber, ItemId, UserNumber } from "../../schemas/Ids.ts"
import { type Composing, compose } from "../../schemas/Notification.ts"
import type { Announce } from "./AnnounceJob.ts"
import type { Parcel } from "./Parcel.ts"

/** Entries of one user that one flush takes from the outbox. */
const BACKLOG_MAX = 200

/** A mail in hand does not wait for longer. */
const READ_WITHIN = "2 seconds"

/** What waits in the outbox for one user's devices, the oldest first. */
export interface Backlog {
  readonly size: number
  /** More may wait than was read. */
  readonly isCut: boolean
  readonly of: (device: DeviceNumber) => ReadonlyArray<OutboxEntry>
  readonly holds: (device: DeviceNumber, item: ItemId) => boolean
}

/**
 * Reads the user's part of the outbox; undefined if there is no need to, or it cannot be read, since that must not hold up
 * the mail in hand. A mail reads it unless it is known that nothing waits: after a start nobody remembers, and the
 * callback that put something there may be repeated. What comes later comes from this user's mails, or does not bear on
 * them.
 */
export const backlogOf = (
  storage: Storage["Type"],
  user: UserNumber,
  { backlog, mails }: Announce
): Effect.Effect<Backlog | undefined> =>
  backlog === false || (backlog === undefined && mails.length === 0)
    ? Effect.succeed(undefined)
    : storage.outboxOf(user, BACKLOG_MAX).pipe(
        Effect.map(backlogFrom),
        Effect.interruptible,
        Effect.timeout(READ_WITHIN),
        Effect.orElseSucceed(() => undefined)
      )

/** What waits besides mails, for the devices whose gateway takes something. */
export const backlogParcels = (
  push: Push["Type"],
  devices: ReadonlyArray<Device>,
  backlog: Backlog,
  { asking, badge }: Announce,
  composing: Composing
): ReadonlyArray<Parcel> =>
  devices.flatMap((device): ReadonlyArray<Parcel> => {
    const entries = backlog.of(device.device)
    if (entries.length === 0 || !push.isUp(device.platform)) return []
    const hasMails = entries.some(({ kind }) => kind === "mail")
    const announcementOf = ({ kind }: OutboxEntry): Announcement | undefined => {
      if (kind === "resubscribe") return asking && Announcement.Resubscribe({ reason: asking })
      // A mail brings the number along.
      return badge === undefined || hasMails ? undefined : Announcement.Badge({ count: badge })
    }
    return entries
      .filter(({ kind }) => kind !== "mail")
      .map((entry) => {
        const announcement = announcementOf(entry)
        return {
          device,
          notification: announcement && compose(device, announcement, composing),
          fresh: [],
          stored: [entry],
          postponed: false,
          badge
        }
      })
  })

/** What waits for devices that a Secure Email Gateway does not let pass is over for them. */
export const blockedParcels = (devices: ReadonlyArray<Device>, backlog: Backlog): ReadonlyArray<Parcel> =>
  devices.flatMap((device) => {
    const stored = backlog.of(device.device).filter(({ kind }) => kind !== "resubscribe")
    if (stored.length === 0) return []
    return [{ device, notification: undefined, fresh: [], stored, postponed: false, badge: undefined }]
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
