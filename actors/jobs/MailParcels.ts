import type { Device, OutboxEntry } from "../../layers/storage/Storage.ts"
import { Announcement } from "../../schemas/Announcement.ts"
import type { Mail } from "../../schemas/EwsMessage.ts"
import type { ItemId, UserNumber } from "../../schemas/Ids.ts"
import { effectivePolicy } from "../../schemas/MailPolicy.ts"
import { type Composing, compose } from "../../schemas/Notification.ts"
import { isSettled } from "../Ledger.ts"
import type { Announce } from "./AnnounceJob.ts"
import { type Backlog, SUMMARY_OVER } from "./BacklogParcels.ts"
import type { Parcel } from "./Parcel.ts"

/**
 * The mails in hand, for each device that has no verdict on them and for which they do not wait in the outbox already. More
 * than five that came while nobody listened are one summary.
 */
export const mailParcels = (
  user: UserNumber,
  devices: ReadonlyArray<Device>,
  command: Announce,
  backlog: Backlog,
  composing: Composing
): ReadonlyArray<Parcel> =>
  devices.flatMap((device) => {
    const open = command.mails.filter(
      ({ itemId }) =>
        !isSettled(command.ledger, itemId, device.device) && !backlog.holds(device.device, itemId)
    )
    const missed = open.filter((mail) => mail.missed)
    const summed = missed.length > SUMMARY_OVER ? missed : []
    const single = open.filter((mail) => !summed.includes(mail))
    let isFirst = true
    const parcel = (
      announcement: Announcement,
      mails: ReadonlyArray<{ readonly itemId: ItemId }>
    ): Parcel => {
      const isNumber = showsBadgeOnly(device, composing)
      const isSent = !isNumber || (isFirst && command.badgeChanged)
      isFirst = false
      return {
        device,
        notification: isSent ? compose(device, announcement, composing) : undefined,
        entries: mails.map(({ itemId }) => ({
          user,
          device: device.device,
          kind: "mail" as const,
          itemId,
          queuedAt: composing.now
        })),
        stored: false,
        // What cannot be seen of a long backlog may be this very mail.
        postponed: backlog.isCut && backlog.of(device.device).length > 0,
        badge: command.badge
      }
    }
    return [
      ...single.map((one) => parcel(newMail(one.itemId, one.mail, command.badge), [one])),
      ...(summed.length > 0 ? [parcel(summaryOf(summed, command.badge), summed)] : [])
    ]
  })

/** As they were found: the newest first. */
const summaryOf = (
  mails: ReadonlyArray<{ readonly itemId: ItemId }>,
  badge: number | undefined
): Announcement =>
  Announcement.Summary({ count: mails.length, messageIds: mails.map(({ itemId }) => itemId), badge })

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
          entries: [badgeEntry(user, device, composing)],
          stored: false,
          postponed: false,
          badge
        }))

/** A mail as it is announced; without details when Exchange could not be asked. */
export const newMail = (itemId: ItemId, mail: Mail | undefined, badge: number | undefined): Announcement =>
  Announcement.NewMail({
    itemId,
    sender: mail?.sender,
    subject: mail?.subject,
    preview: mail?.preview,
    badge
  })

/** Several mails mean one new number to it, and none if the number is the same. */
const showsBadgeOnly = (device: Device, { minPolicy }: Composing): boolean =>
  effectivePolicy(device.policy, minPolicy) === 4

const badgeEntry = (user: UserNumber, { device }: Device, { now }: Composing): OutboxEntry => ({
  user,
  device,
  kind: "badge",
  itemId: "" as ItemId,
  queuedAt: now
})
