import { createPrivateKey } from "node:crypto"
import { appendFile, readFile } from "node:fs/promises"
import * as Http2 from "node:http2"
import * as Https from "node:https"
import { join } from "node:path"
import { connect } from "node:tls"
import { apnsHeaders } from "../../layers/push/ApnsHeaders.ts"
import { ApnsToken } from "../../layers/push/ApnsToken.ts"
import { messageOf } from "../../layers/push/FcmMessage.ts"
import type { PushNotification } from "../../schemas/Push.ts"
import { APP, KEY_FILE, LOG_FILE, type PushServerReady, type PushService } from "./PushLoad.ts"

type Send = (notification: PushNotification) => Promise<void>

/** What is sent is what our gateways send, by the client that they use and nothing else: no verdicts, no deadlines. */
export const bareSend = (service: PushService, server: PushServerReady): Promise<Send> =>
  CLIENTS[service](server)

const CLIENTS: Record<PushService, (server: PushServerReady) => Promise<Send>> = {
  none: async () => () => new Promise((resolve) => setImmediate(resolve)),

  log:
    async ({ folder }) =>
    ({ payload, target }) => {
      const line = {
        at: new Date().toISOString(),
        deviceToken: target.token,
        deviceType: target.platform,
        payload
      }
      return appendFile(join(folder, LOG_FILE), `${JSON.stringify(line)}\n`, { mode: 0o600 })
    },

  cns: async ({ port }) => {
    const { Pool } = await import("undici")
    const pool = new Pool(`http://127.0.0.1:${port}`, { connections: 4, pipelining: 1 })
    const headers = { "content-type": "application/json; charset=utf-8", accept: "application/json" }
    return async ({ id, payload, priority, target }) => {
      const { bundleId, platform: deviceType, token: deviceToken } = target
      const notifications = [{ id, deviceToken, deviceType, bundleId, priority, payload }]
      const body = JSON.stringify({ notifications })
      const answer = await pool.request({ method: "POST", path: "/nws/notify/apns", headers, body })
      if (JSON.parse(await answer.body.text()).status !== "success") throw new Error("not delivered")
    }
  },

  apns: async ({ ca, folder, port }) => {
    const key = createPrivateKey(await readFile(join(folder, KEY_FILE), "utf8"))
    const jwt = new ApnsToken({ key, keyId: "ABCDE12345", teamId: "TEAM123456" })
    const session = Http2.connect(`https://127.0.0.1:${port}`, { ca, settings: { enablePush: false } })
    return (notification) =>
      new Promise((resolve, reject) => {
        const request = session.request({
          ":method": "POST",
          ":path": `/3/device/${notification.target.token}`,
          ...apnsHeaders(notification),
          "apns-topic": APP,
          authorization: `bearer ${jwt.current(Date.now())}`
        })
        let status: number | undefined
        request.on("response", (headers) => {
          status = headers[":status"]
        })
        request.on("error", reject)
        request.on("end", () => (status === 200 ? resolve() : reject(new Error(`HTTP ${status}`))))
        request.resume()
        request.end(JSON.stringify(notification.payload))
      })
  },

  fcm: async ({ ca, port }) => {
    const { initializeApp } = await import("firebase-admin/app")
    const { getMessaging } = await import("firebase-admin/messaging")
    const agent = new Https.Agent({ keepAlive: true, maxSockets: 100 })
    agent.createConnection = () => connect({ host: "127.0.0.1", port, ca, servername: "fcm.googleapis.com" })
    const credential = {
      getAccessToken: async () => ({ access_token: "a-token-of-the-usual-length", expires_in: 3599 })
    }
    const messaging = getMessaging(initializeApp({ projectId: "bench", httpAgent: agent, credential }))
    return async (notification) => {
      await messaging.send(messageOf(notification, Date.now()))
    }
  },

  sns: async ({ port }) => {
    const { PublishCommand, SNSClient } = await import("@aws-sdk/client-sns")
    const client = new SNSClient({
      region: "eu-central-1",
      endpoint: `http://127.0.0.1:${port}/`,
      credentials: { accessKeyId: "bench", secretAccessKey: "bench" },
      maxAttempts: 1,
      requestHandler: { httpAgent: { maxSockets: 100, keepAlive: true } }
    })
    const { messageOf } = await import("../../layers/push/SnsMessage.ts")
    return async (notification) => {
      const message = messageOf(notification, "APNS", Date.now())
      await client.send(new PublishCommand({ ...message, TargetArn: notification.target.endpoint?.arn }))
    }
  }
}
