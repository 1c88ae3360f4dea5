import { readFile } from "node:fs/promises"
import { join } from "node:path"
import * as Apn from "@parse/node-apn"
import type { PushNotification } from "../../schemas/Push.ts"
import { APP, KEY_FILE, type PushServerReady } from "./PushLoad.ts"

/**
 * What the usual library for APNs costs, its own retries off: the reason why our gateway speaks HTTP/2 itself, beside the
 * library's habits of losing Retry-After and of ending the process over an endless answer.
 */
export const nodeApnSend = async ({ ca, folder, port }: PushServerReady) => {
  const provider = new Apn.Provider({
    token: {
      key: await readFile(join(folder, KEY_FILE)),
      keyId: "ABCDE12345",
      teamId: "TEAM123456"
    },
    address: "127.0.0.1",
    port,
    ca: [Buffer.from(ca)],
    production: true,
    connectionRetryLimit: 0
  })
  return async ({ id, expiresAt, payload, target }: PushNotification): Promise<void> => {
    const { aps, ...rest } = payload as { readonly aps: object }
    const notification = new Apn.Notification({ aps: { ...aps }, ...rest })
    notification.topic = APP
    notification.pushType = "alert"
    notification.priority = 10
    notification.collapseId = id
    notification.expiry = Math.floor(expiresAt / 1000)
    const { failed } = await provider.send(notification, target.token)
    const [failure] = failed
    if (failure !== undefined) throw new Error(`not delivered: ${JSON.stringify(failure)}`)
  }
}
