import type { TokenMessage } from "firebase-admin/messaging"
import type { PushNotification } from "../../schemas/Push.ts"
import { apnsHeaders } from "./ApnsHeaders.ts"

/**
 * The notification as FCM takes it. Android gets a data message, which the app shows by itself; what replaces the one
 * before (not a mail, because FCM keeps no more than four kinds for a phone that is off) says so. An iOS device's token
 * is FCM's own, and FCM hands the payload on to Apple as it is.
 */
export const messageOf = (notification: PushNotification, now: number): TokenMessage => {
  const { expiresAt, id, kind, payload, priority, target } = notification
  const { token } = target
  if (target.platform === "iOS")
    return { token, apns: { headers: apnsHeaders(notification), payload: { aps: {}, ...payload } } }
  const supersedes = kind === "badge" || kind === "resubscribe"
  return {
    token,
    data: Object.fromEntries(Object.entries(payload).map(([name, value]) => [name, textOf(value)])),
    android: {
      priority,
      ttl: Math.max(0, Math.floor((expiresAt - now) / 1000) * 1000),
      ...(supersedes ? { collapseKey: id } : {})
    }
  }
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""))
