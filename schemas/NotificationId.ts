import { hash } from "node:crypto"
import type { Announcement } from "./Announcement.ts"
import type { UserId } from "./Ids.ts"

/**
 * The stable id of a notification: the same for a repeat of the same announcement to the same device, so that it
 * replaces the first on the phone. A summary has the id of its oldest mail, which it replaces if that was told alone. A new
 * badge, or a new request to register, replaces the one before.
 * 43 characters of base64url: fits APNs' 64 bytes and reveals nothing.
 */
export const notificationId = (userId: UserId, device: number, announcement: Announcement): string =>
  hash("sha256", JSON.stringify([userId, device, ...what(announcement)]), "base64url")

const what = (announcement: Announcement): ReadonlyArray<string> => {
  switch (announcement._tag) {
    case "NewMail":
      return ["mail", announcement.itemId]
    case "Summary":
      // A mail that was told just before a crash, and is found again with those that came after it, is the oldest of them:
      // the summary replaces its notification. The set may grow between a summary and its repeat, the oldest stays.
      return ["mail", announcement.messageIds.at(-1) ?? ""]
    case "Badge":
      return ["badge"]
    case "Resubscribe":
      return ["resubscribe"]
  }
}
