import type { PushNotification } from "../../schemas/Push.ts"

/**
 * How Apple is to treat a notification, whichever way it gets there (Apple, "Sending notification requests to APNs"). A
 * repeat replaces what it repeats, because it has the same collapse id.
 */
export const apnsHeaders = ({ expiresAt, id, kind, priority }: PushNotification) => {
  // What shows nothing must say so, and APNs then takes no high priority.
  const silent = kind === "resubscribe"
  return {
    "apns-push-type": silent ? "background" : "alert",
    "apns-priority": silent || priority === "normal" ? "5" : "10",
    "apns-expiration": String(Math.max(0, Math.floor(expiresAt / 1000))),
    "apns-collapse-id": id
  }
}
