import type { Push } from "../../layers/push/Push.ts"
import type { Device, OutboxEntry } from "../../layers/storage/Storage.ts"
import { Announcement } from "../../schemas/Announcement.ts"
import type { Mail } from "../../schemas/EwsMessage.ts"
import type { ItemId, UserNumber } from "../../schemas/Ids.ts"
import { effectivePolicy } from "../../schemas/MailPolicy.ts"
import { type Composing, compose } from "../../schemas/Notification.ts"
import { isSettled } from "../Ledger.ts"
import type { Announce } from "./AnnounceJob.ts"
import type { Backlog } from "./BacklogParcels.ts"
import type { Parcel } from "./Parcel.ts"

/** More mails at once than this become one summary (contract section 4). */
export const SUMMARY_OVER = 5

/**
 * Mails for each device: those in hand on which it has no verdict, and those that wait in the outbox, if its gateway takes
 * something. More than five of them are one summary, whatever way they came.
 */
export const mailParcels = (
  push: Push["Type"],
  user: UserNumber,
  devices: ReadonlyArray<Device>,
  command: Announce,
  backlog: Backlog,
  composing: Composing
): ReadonlyArray<Parcel> => {
  const details = new Map(command.details.map((mail) => [mail.itemId, mail]))
  return devices.flatMap((device): ReadonlyArray<Parcel> => {
    const queued = backlog.of(device.device).filter(({ kind }) => kind === "mail")
    const stored = push.isUp(device.platform) ? queued.map((entry) => waiting(entry, details)) : []
    const fresh = command.mails
      .filter(
        ({ itemId }) =>
          !isSettled(command.ledger, itemId, device.device) && !backlog.holds(device.device, itemId)
      )
      .map(({ itemId, mail }) => inHand(entryOf(user, device, itemId, composing), mail))
    const pack = (letters: ReadonlyArray<Letter>, postponed: boolean) =>
      packed(device, letters, postponed, command, composing)
    // What cannot be seen of a long backlog may be one of these mails.
    return backlog.isCut && backlog.of(device.device).length > 0
      ? [...pack(stored, false), ...pack(fresh, true)]
      : pack([...stored, ...fresh], false)
  })
}

/** One mail for one device. */
interface Letter {
  readonly entry: OutboxEntry
  readonly mail: Mail | undefined
  /** The entry is in the outbox already. */
  readonly stored: boolean
}

const waiting = (entry: OutboxEntry, details: ReadonlyMap<ItemId, Mail>): Letter => ({
  entry,
  mail: details.get(entry.itemId),
  stored: true
})

const inHand = (entry: OutboxEntry, mail: Mail | undefined): Letter => ({ entry, mail, stored: false })

/** Letters of one device, the oldest first. */
const packed = (
  device: Device,
  letters: ReadonlyArray<Letter>,
  postponed: boolean,
  { badge, badgeChanged }: Announce,
  composing: Composing
): ReadonlyArray<Parcel> => {
  const parcel = (announcement: Announcement | undefined, of: ReadonlyArray<Letter>): Parcel => ({
    device,
    notification: announcement && compose(device, announcement, composing),
    fresh: of.filter((letter) => !letter.stored).map(({ entry }) => entry),
    stored: of.filter((letter) => letter.stored).map(({ entry }) => entry),
    postponed,
    badge
  })
  if (letters.length === 0) return []
  const single = ({ entry, mail }: Letter) => newMail(entry.itemId, mail, badge)
  if (showsBadgeOnly(device, composing)) {
    // Several mails mean one new number to it, and none if it has that number.
    const isNews = badgeChanged || letters.some(({ stored }) => stored)
    return [parcel(isNews ? single(letters[0]!) : undefined, letters)]
  }
  if (letters.length <= SUMMARY_OVER) return letters.map((letter) => parcel(single(letter), [letter]))
  const messageIds = letters.map(({ entry }) => entry.itemId).toReversed()
  return [parcel(Announcement.Summary({ count: letters.length, messageIds, badge }), letters)]
}

/** The badge alone, for devices that no mail brings it to. */
export const badgeParcels = (
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
          fresh: [{ ...entryOf(user, device, "" as ItemId, composing), kind: "badge" }],
          stored: [],
          postponed: false,
          badge
        }))

/** A mail as it is announced; without details when Exchange could not be asked. */
const newMail = (itemId: ItemId, mail: Mail | undefined, badge: number | undefined): Announcement =>
  Announcement.NewMail({
    itemId,
    sender: mail?.sender,
    subject: mail?.subject,
    preview: mail?.preview,
    badge
  })

const showsBadgeOnly = (device: Device, { minPolicy }: Composing): boolean =>
  effectivePolicy(device.policy, minPolicy) === 4

const entryOf = (user: UserNumber, { device }: Device, itemId: ItemId, { now }: Composing): OutboxEntry => ({
  user,
  device,
  kind: "mail",
  itemId,
  queuedAt: now
})
