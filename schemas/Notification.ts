import { Announcement } from "./Announcement.ts"
import type { UserId, UserNumber } from "./Ids.ts"
import { effectivePolicy } from "./MailPolicy.ts"
import { notificationId } from "./NotificationId.ts"
import { alertPayload, badgePayload, silentPayload } from "./NotificationPayload.ts"
import { cleanText, type NotificationText } from "./NotificationText.ts"
import type {
  Platform,
  Policy,
  PushEndpoint,
  PushEnvironment,
  PushKind,
  PushNotification,
  PushTarget
} from "./Push.ts"

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
  readonly endpoint?: PushEndpoint
}

/** What is the same for all devices of a user. */
export interface Composing {
  readonly userId: UserId
  /** The user's number in storage, where the device is; absent if it is not stored. */
  readonly user?: UserNumber
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
  const { minPolicy, now, textNewMessage, textNewMessages, userId } = composing
  const { platform, sound } = device
  const policy = effectivePolicy(device.policy, minPolicy)

  const notification = (kind: PushKind, priority: "high" | "normal", life: number, payload: Payload) => ({
    id: notificationId(userId, device.device, announcement),
    target: targetOf(device, composing),
    kind,
    priority,
    payload,
    expiresAt: now + life
  })

  switch (announcement._tag) {
    case "NewMail": {
      const { badge, itemId } = announcement
      if (policy === 4) return badgeInstead(device, badge, composing)
      const text = mailText(policy, announcement, textNewMessage)
      const about = { messageId: itemId }
      return notification(
        "newMail",
        "high",
        DAY,
        alertPayload(platform, { text, badge, sound, userId, about })
      )
    }
    case "Summary": {
      const { badge, count, messageIds } = announcement
      if (policy === 4) return badgeInstead(device, badge, composing)
      const text = bodyOnly(textNewMessages.replaceAll("%d", String(count)))
      const about = { count, messageIds: messageIds.slice(0, SUMMARY_IDS) }
      return notification(
        "summary",
        "high",
        DAY,
        alertPayload(platform, { text, badge, sound, userId, about })
      )
    }
    case "Badge":
      if (platform === "Android") return undefined
      // May come late and save battery.
      return notification("badge", "normal", HOUR, badgePayload(userId, announcement.count))
    case "Resubscribe": {
      // APNs refuses a silent push of high priority; Android holds back a data message of normal priority while it dozes.
      const priority = platform === "iOS" ? "normal" : "high"
      return notification("resubscribe", priority, HOUR, silentPayload(platform, userId, announcement.reason))
    }
  }
}

/** A summary names no more mails than this. */
export const SUMMARY_IDS = 10

const HOUR = 60 * 60 * 1000

/** A mail older than this is no news; the outbox gives it up as well. */
const DAY = 24 * HOUR

type Payload = PushNotification["payload"]

const targetOf = (
  { bundleId, endpoint, environment, platform, registeredAt, token }: NotifiedDevice,
  { user }: Composing
): PushTarget => ({
  token,
  platform,
  bundleId,
  environment,
  registeredAt,
  ...(user && { user }),
  ...(endpoint && { endpoint })
})

/** The number is all that a device of policy 4 gets of a new mail, so it may not come late. */
const badgeInstead = (
  device: NotifiedDevice,
  count: number | undefined,
  composing: Composing
): PushNotification | undefined => {
  const badge = count === undefined ? undefined : compose(device, Announcement.Badge({ count }), composing)
  return badge && { ...badge, priority: "high" }
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
