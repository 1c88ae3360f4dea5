import type { Announcement } from "./Announcement.ts"
import type { UserId } from "./Ids.ts"
import { effectivePolicy } from "./MailPolicy.ts"
import { notificationId } from "./NotificationId.ts"
import { alertPayload, badgePayload, silentPayload } from "./NotificationPayload.ts"
import { cleanText, type NotificationText } from "./NotificationText.ts"
import type { Platform, Policy, PushEnvironment, PushKind, PushNotification } from "./Push.ts"

/** What composing needs of a device; a stored device fits. */
export interface NotifiedDevice {
  /** Number within its user, never used twice. */
  readonly device: number
  readonly token: string
  readonly platform: Platform
  readonly bundleId: string
  readonly environment: PushEnvironment
  readonly policy: Policy
  /** null = default, "" = none. */
  readonly sound: string | null
  readonly registeredAt: number
}

/** What is the same for all devices of a user. */
export interface Composing {
  readonly userId: UserId
  /** `ENS_MIN_POLICY`: wins over a device's lower number. */
  readonly minPolicy: Policy
  /** `ENS_TEXT_NEW_MESSAGE`. */
  readonly textNewMessage: string
  /** `ENS_TEXT_N_NEW_MESSAGES`, with `%d` for the number. */
  readonly textNewMessages: string
  /** Milliseconds since 1970. */
  readonly now: number
}

/**
 * The notification by which this device learns of the announcement, exactly as contract section 4 words it; undefined
 * when it is to learn nothing (policy 4 or a badge on Android, policy 4 on iOS while the badge is unknown or unchanged).
 */
export const compose = (
  device: NotifiedDevice,
  announcement: Announcement,
  composing: Composing
): PushNotification | undefined => {
  const policy = effectivePolicy(device.policy, composing.minPolicy)
  switch (announcement._tag) {
    case "NewMail": {
      if (policy === 4) return badge(device, announcement.badge, "high", composing)
      const { itemId, badge: count } = announcement
      const text = mailText(policy, announcement, composing.textNewMessage)
      return alert(device, "newMail", announcement, text, count, { messageId: itemId }, composing)
    }
    case "Summary": {
      if (policy === 4) return badge(device, announcement.badge, "high", composing)
      const { count, messageIds, badge: unread } = announcement
      const text = bodyOnly(composing.textNewMessages.replaceAll("%d", String(count)))
      const about = { count, messageIds: messageIds.slice(0, SUMMARY_IDS) }
      return alert(device, "summary", announcement, text, unread, about, composing)
    }
    case "Badge":
      return badge(device, announcement.count, "normal", composing)
    case "Resubscribe":
      return {
        id: notificationId(composing.userId, device.device, announcement),
        target: targetOf(device),
        kind: "resubscribe",
        // APNs refuses a silent push of high priority; Android delays a data message of normal priority while dozing.
        priority: device.platform === "iOS" ? "normal" : "high",
        payload: silentPayload(device.platform, composing.userId, announcement.reason),
        expiresAt: composing.now + HOUR
      }
  }
}

/** A summary names no more mails than this. */
export const SUMMARY_IDS = 10

const HOUR = 60 * 60 * 1000

/** A mail older than this is no news; the outbox gives it up as well. */
const MAIL_LIFE = 24 * HOUR

const targetOf = ({ bundleId, environment, platform, registeredAt, token }: NotifiedDevice) => ({
  token,
  platform,
  bundleId,
  environment,
  registeredAt
})

const alert = (
  device: NotifiedDevice,
  kind: PushKind,
  announcement: Announcement,
  text: NotificationText,
  badge: number | undefined,
  about: Parameters<typeof alertPayload>[1]["about"],
  { now, userId }: Composing
): PushNotification => ({
  id: notificationId(userId, device.device, announcement),
  target: targetOf(device),
  kind,
  priority: "high",
  payload: alertPayload(device.platform, { text, badge, sound: device.sound, userId, about }),
  expiresAt: now + MAIL_LIFE
})

// A changed number may come late and save battery; the number that is all a device gets of a new mail may not.
const badge = (
  device: NotifiedDevice,
  count: number | undefined,
  priority: PushNotification["priority"],
  { now, userId }: Composing
): PushNotification | undefined =>
  device.platform === "Android" || count === undefined
    ? undefined
    : {
        id: notificationId(userId, device.device, { _tag: "Badge", count }),
        target: targetOf(device),
        kind: "badge",
        priority,
        payload: badgePayload(userId, count),
        expiresAt: now + HOUR
      }

const mailText = (
  policy: Policy,
  mail: Extract<Announcement, { _tag: "NewMail" }>,
  textNewMessage: string
): NotificationText => {
  const title = policy <= 2 ? cleanText(mail.sender, "one") : undefined
  const subtitle = policy <= 1 ? cleanText(mail.subject, "one") : undefined
  const preview = policy === 0 ? cleanText(mail.preview, "many") : undefined
  // Without a sender nothing would say that this is a mail.
  const body = preview ?? (title === undefined ? bodyOnly(textNewMessage).body : undefined)
  return {
    ...(title === undefined ? {} : { title }),
    ...(subtitle === undefined ? {} : { subtitle }),
    ...(body === undefined ? {} : { body })
  }
}

// An alert without any text would not be shown, whatever the operator's setting says.
const bodyOnly = (text: string) => ({ body: cleanText(text, "many") ?? "New message" })
