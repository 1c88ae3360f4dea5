import type { PublishInput } from "@aws-sdk/client-sns"
import type { PushNotification } from "../../schemas/Push.ts"
import { apnsHeaders } from "./ApnsHeaders.ts"
import type { SnsKind } from "./SnsPlatforms.ts"

/**
 * The notification as SNS takes it for an endpoint of this kind (docs.aws.amazon.com, "Sending Amazon SNS mobile push
 * notifications with platform-specific payloads", "fcmV1Message payload", "Message attributes for mobile push"). `now`:
 * milliseconds since 1970; SNS takes the time that it needs itself off the life that a notification has left.
 */
export const messageOf = (
  notification: PushNotification,
  kind: SnsKind,
  now: number
): Omit<PublishInput, "TargetArn"> => {
  const ttl = String(Math.max(0, Math.floor((notification.expiresAt - now) / 1000)))
  return {
    MessageStructure: "json",
    // SNS wants a `default`; it would be used for another kind only.
    Message: JSON.stringify({ default: "New message", [kind]: bodyOf(notification, kind, ttl) }),
    MessageAttributes: Object.fromEntries(
      Object.entries(attributesOf(notification, kind, ttl)).map(([name, value]) => [
        `AWS.SNS.MOBILE.${name}`,
        { DataType: "String", StringValue: value }
      ])
    )
  }
}

const bodyOf = ({ id, kind: what, payload, priority }: PushNotification, kind: SnsKind, ttl: string) => {
  if (kind !== "GCM") return JSON.stringify(payload)
  // FCM keeps no more than four of these for a phone that is off: not for mails.
  const supersedes = what === "badge" || what === "resubscribe"
  const android = { priority, ttl: `${ttl}s`, ...(supersedes ? { collapse_key: id } : {}) }
  return JSON.stringify({ fcmV1Message: { message: { data: payload, android } } })
}

const attributesOf = (
  notification: PushNotification,
  kind: SnsKind,
  ttl: string
): Readonly<Record<string, string>> => {
  if (kind === "GCM") return { "FCM.TTL": ttl }
  const headers = apnsHeaders(notification)
  return {
    "APNS.PUSH_TYPE": headers["apns-push-type"],
    "APNS.PRIORITY": headers["apns-priority"],
    "APNS.COLLAPSE_ID": headers["apns-collapse-id"],
    "APNS.TOPIC": notification.target.bundleId,
    // The only one of these that the sandbox has a name of its own for.
    [`${kind}.TTL`]: ttl
  }
}
