import { Effect } from "effect"
import type { Device, OutboxEntry, Storage } from "../../layers/storage/Storage.ts"
import type { ItemId } from "../../schemas/Ids.ts"
import { isFinal } from "../../schemas/Push.ts"
import type { AnnounceResult } from "../JobResults.ts"
import { deviceEntry, itemEntry } from "../Ledger.ts"
import type { Announce } from "./AnnounceJob.ts"
import type { Backlog } from "./BacklogParcels.ts"
import type { Sent } from "./Parcel.ts"
import { logTrouble } from "./StorageTrouble.ts"

/** Puts what no gateway took into the outbox, takes out what left it, and says what is final now. Never fails. */
export const settleParcels = Effect.fnUntraced(function* (
  storage: Storage["Type"],
  command: Announce,
  devices: ReadonlyArray<Device>,
  backlog: Backlog | undefined,
  sent: ReadonlyArray<Sent>
) {
  const open = sent.filter(({ verdict }) => !isFinal(verdict))
  const fresh = open.flatMap((parcel) => parcel.fresh)
  const kept = yield* fresh.length === 0
    ? Effect.succeed(true)
    : storage.addOutbox(fresh).pipe(
        Effect.as(true),
        Effect.catchAll((error) => Effect.as(logTrouble("the outbox cannot be written", error), false))
      )
  const flushed = sent.filter(({ verdict }) => isFinal(verdict)).flatMap((parcel) => parcel.stored)
  // If this fails they are sent once more, with the same ids, which replace the first ones on the phone.
  const left = yield* flushed.length === 0
    ? Effect.succeed(0)
    : storage.removeOutbox(flushed).pipe(
        Effect.as(flushed.length),
        Effect.catchAll((error) => Effect.as(logTrouble("the outbox cannot be cleared", error), 0))
      )
  const lostMails = kept ? [] : mailsOf(fresh)
  return {
    settled: [...settledMails(command, devices, lostMails), ...settledBacklog(command, devices, flushed)],
    kept: lostMails.length === 0,
    badge: shownBadge(sent) ?? (devices.some(showsBadge) ? undefined : command.badge),
    flushed: left,
    waiting:
      (kept && fresh.length > 0) ||
      stillWaits(backlog === undefined ? command.backlog : backlog.size > left, kept)
  } satisfies Omit<AnnounceResult, "deviceless" | "doubted" | "uncounted">
})

/** Whether something waits besides what was just put there; what storage made of a write that failed is not known. */
const stillWaits = (before: boolean | undefined, kept: boolean): boolean | undefined =>
  before === true || kept ? before : undefined

/** An item alone where all its devices are done, else the devices that are. */
const settledMails = (
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

/** Mails that left the outbox: a crash may have kept their callback from the ledger, and Exchange repeats it. */
const settledBacklog = (
  command: Announce,
  devices: ReadonlyArray<Device>,
  flushed: ReadonlyArray<OutboxEntry>
): ReadonlyArray<number> => {
  const inHand = new Set<ItemId>(command.mails.map(({ itemId }) => itemId))
  const others = mailsOf(flushed).filter(({ itemId }) => !inHand.has(itemId))
  return [...Map.groupBy(others, ({ itemId }) => itemId)].flatMap(([itemId, entries]) =>
    entries.length >= devices.length
      ? [itemEntry(itemId)]
      : entries.map(({ device }) => deviceEntry(itemId, device))
  )
}

const mailsOf = (entries: ReadonlyArray<OutboxEntry>): ReadonlyArray<OutboxEntry> =>
  entries.filter(({ kind }) => kind === "mail")

const showsBadge = ({ platform }: Device): boolean => platform === "iOS"

const shownBadge = (sent: ReadonlyArray<Sent>): number | undefined =>
  sent.find(
    ({ badge, device, notification, verdict }) =>
      notification !== undefined && verdict._tag === "Delivered" && showsBadge(device) && badge !== undefined
  )?.badge
