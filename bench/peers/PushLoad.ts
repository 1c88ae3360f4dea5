import type { PushNotification } from "../../schemas/Push.ts"
import type { GatewayName } from "../../schemas/Settings.ts"

/** A push service under load: where it is, who vouches for it (PEM), and a folder with the files that settings name. */
export interface PushServerReady {
  readonly port: number
  readonly ca: string
  readonly folder: string
}

/** How notifications are sent: by the client alone, by our gateway, by our push stage and gateway, or by another library. */
export type PushWay = "bare" | "gateway" | "stage" | "library"

/** `none`: there is no service; every notification counts as delivered in the next turn of the event loop. */
export type PushService = GatewayName | "none"

/** What the bench asks of a client: notifications for so many milliseconds, so many under way at a time. */
export interface PushOrder {
  readonly atATime: number
  readonly milliseconds: number
}

export interface PushResult {
  readonly sent: number
  readonly milliseconds: number
  /** Microseconds of CPU that the client's process used. */
  readonly cpu: number
}

export const APP = "com.example.mail"
export const KEY_FILE = "apns.p8"
export const ACCOUNT_FILE = "account.json"
export const LOG_FILE = "notifications.jsonl"
export const SNS_APP = "arn:aws:sns:eu-central-1:123456789012:app/APNS/mail"

/** A mail for one of many phones, as composing makes it. */
export const notificationOf = (n: number): PushNotification => {
  const phone = n % 10_000
  return {
    id: `${n}`.padStart(43, "0"),
    target: {
      token: `${phone}`.padStart(64, "a"),
      platform: "iOS",
      bundleId: APP,
      environment: "production",
      registeredAt: 1,
      endpoint: { arn: `${SNS_APP.replace(":app/", ":endpoint/")}/${phone}`, registeredAt: 1 }
    },
    kind: "newMail",
    priority: "high",
    payload: {
      aps: {
        alert: { title: "Ada Lovelace", subtitle: "Minutes of Thursday’s meeting and what is left to do" },
        badge: n % 100,
        sound: "default",
        "mutable-content": 1
      },
      ens: { action: "newMail", userId: "ab".repeat(32), messageId: `${n}`.padStart(152, "A") }
    },
    expiresAt: 4_000_000_000_000
  }
}

/** Sends one after the other until the time is over (`performance.now()`), and answers how many. */
export type Sends = (end: number) => Promise<number>

/** Serves orders with as many loops of sends, each of which fails if something is not delivered. Ends with its parent. */
export const servePushLoad = (sends: Sends): void => {
  const load = async ({ atATime, milliseconds }: PushOrder): Promise<PushResult> => {
    const before = process.cpuUsage()
    const start = performance.now()
    const made = await Promise.all(Array.from({ length: atATime }, () => sends(start + milliseconds)))
    const { system, user } = process.cpuUsage(before)
    const sent = made.reduce((sum, count) => sum + count, 0)
    return { sent, milliseconds: performance.now() - start, cpu: system + user }
  }
  process.on("message", (order: PushOrder) => {
    load(order).then(
      (result) => process.send?.(result),
      (error: unknown) => {
        throw error
      }
    )
  })
  process.on("disconnect", () => process.exit())
  process.send?.({})
}
