import type { UserNumber } from "../../schemas/Ids.ts"
import type { HistoryShape } from "../History.ts"
import type { Announce } from "./AnnounceJob.ts"
import type { Sent } from "./Parcel.ts"

/**
 * Notes what became of the mails of one callback, device by device, or of those that waited in the outbox: one event. Says
 * nothing of the mails but their number.
 */
export const noteMails = (
  history: HistoryShape,
  user: UserNumber,
  { blocked, mails }: Announce,
  sent: ReadonlyArray<Sent>,
  kept: boolean
): void => {
  if (mails.length === 0) return noteWaiting(history, user, sent)
  const news = sent.filter(({ fresh }) => fresh.length > 0)
  const outcome = kept ? outcomeOf(news) : "neither sent nor kept, so that Exchange repeats it"
  const none = blocked === "all" ? "the Secure Email Gateway lets no device pass" : "no device had to be told"
  history.note(user, "mail", outcome || none, mails.length)
}

/** Who has no device gets nothing. */
export const NO_DEVICE = "no device"

const noteWaiting = (history: HistoryShape, user: UserNumber, sent: ReadonlyArray<Sent>): void => {
  const over = sent.filter(
    ({ notification, stored, verdict }) =>
      notification !== undefined &&
      (verdict._tag === "Delivered" || verdict._tag === "Rejected") &&
      stored.some(({ kind }) => kind === "mail")
  )
  if (over.length === 0) return
  const mails = over.flatMap(({ stored }) =>
    stored.flatMap(({ itemId, kind }) => (kind === "mail" ? itemId : []))
  )
  history.note(user, "mail", `sent after waiting; ${outcomeOf(over)}`, new Set(mails).size)
}

/** `2 devices: delivered`, `1 delivered, 1 waits (gateway down)`; "" if there is none. */
export const outcomeOf = (
  sent: ReadonlyArray<Pick<Sent, "device" | "notification" | "postponed" | "verdict">>
): string => {
  const devices = new Map<number, string>()
  // Of several notifications to a device that which fared worst says most.
  for (const one of sent) {
    const word = wordOf(one)
    const before = devices.get(one.device.device)
    if (before === undefined || WORST.indexOf(word) < WORST.indexOf(before))
      devices.set(one.device.device, word)
  }
  const words = [...Map.groupBy(devices.values(), (word) => word)].map(
    ([word, { length }]) => [word, length] as const
  )
  const [only] = words
  if (only === undefined) return ""
  if (words.length > 1) return words.map(([word, count]) => `${count} ${word}`).join(", ")
  return `${devices.size} ${devices.size === 1 ? "device" : "devices"}: ${only[0]}`
}

const wordOf = ({
  notification,
  postponed,
  verdict
}: Pick<Sent, "notification" | "postponed" | "verdict">) => {
  if (notification === undefined) return "told nothing"
  if (postponed) return "waits (others wait, too)"
  switch (verdict._tag) {
    case "Delivered":
      return "delivered"
    case "TokenDead":
      return "push token dead"
    case "Rejected":
      return "refused by the gateway"
    case "RetryLater":
      return "waits (gateway asks to)"
    case "GatewayDown":
      return "waits (gateway down)"
  }
}

const WORST: ReadonlyArray<string> = [
  "push token dead",
  "refused by the gateway",
  "waits (gateway down)",
  "waits (gateway asks to)",
  "waits (others wait, too)",
  "told nothing",
  "delivered"
]
