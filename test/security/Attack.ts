import { createHash, randomBytes } from "node:crypto"
import { request as requestHttp } from "node:http"
import { DatabaseSync } from "node:sqlite"
import { Effect } from "effect"
import * as LocalMasterKey from "../../layers/crypto/LocalMasterKey.ts"
import { POOL_CONTEXT } from "../../layers/crypto/UserKeyring.ts"
import * as SqliteStorage from "../../layers/storage/SqliteStorage.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { type DeviceLogin, type DevicePayload, encryptPayload } from "../../src/sandbox/DevicePayload.ts"
import { type RehearsalOptions, rehearse } from "../e2e/Rehearsal.ts"
import { somePrivateKey } from "../support/CryptoFixture.ts"
import type { Installation } from "../support/Installation.ts"

/** Rates that would only make an attacker slower than the test wants him. */
export const UNLIMITED = Object.fromEntries(
  ["ADDRESS", "FAILED", "TOKEN", "USER", "NEW_USERS"].map((name) => [`ENS_LIMIT_${name}`, "off"])
)

/** A rehearsal with as many key pairs in the pool as there will be users: made one by one they would take all the time. */
export const besieged = Effect.fnUntraced(function* (users: number, options: RehearsalOptions = {}) {
  const masterKey = randomBytes(32)
  const all = yield* rehearse({
    ...options,
    settings: { ENS_MASTER_KEY: masterKey.toString("base64"), ...UNLIMITED, ...options.settings }
  })
  const master = LocalMasterKey.make(Buffer.from(masterKey))
  const keys = Array.from({ length: 6 }, somePrivateKey)
  yield* Effect.flatMap(Storage, (storage) =>
    storage.addPoolKeys(
      Array.from({ length: users }, (_, n) => master.wrap(keys[n % keys.length]!, POOL_CONTEXT))
    )
  ).pipe(Effect.provide(SqliteStorage.layer(all.installation.database)))
  return { ...all, masterKey }
})

/** An answer of the device API as it came. */
export interface Answered {
  readonly status: number
  /** Without `date`, the only one that differs from answer to answer for reasons of its own. */
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: string
  readonly code: unknown
  readonly json: Readonly<Record<string, unknown>>
}

/** POST of anything to the device API, or to any URL. */
export const post = (
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {}
): Effect.Effect<Answered> =>
  Effect.promise(
    () =>
      new Promise((resolve, reject) => {
        const text = typeof body === "string" ? body : JSON.stringify(body)
        const outgoing = requestHttp(url, {
          method: "POST",
          agent: false,
          headers: {
            "content-type": "application/json",
            "content-length": Buffer.byteLength(text),
            ...headers
          },
          signal: AbortSignal.timeout(40_000)
        })
        outgoing.on("error", reject)
        outgoing.on("response", (incoming) => {
          let got = ""
          incoming.setEncoding("utf8").on("data", (part: string) => {
            got += part
          })
          incoming.on("end", () => {
            const { date, ...rest } = incoming.headers
            const json = jsonOf(got)
            resolve({
              status: incoming.statusCode ?? 0,
              headers: rest,
              text: got,
              json,
              code: json["responseCode"]
            })
          })
        })
        outgoing.end(text)
      })
  )

export const userIdOf = (address: string): string =>
  createHash("sha256").update(address.toLowerCase(), "utf8").digest("hex")

export const newToken = (): string => randomBytes(32).toString("hex")

/** What an attacker puts together by hand: every part may be somebody else's. */
export interface Forgery {
  readonly userId: string
  readonly deviceToken: string
  readonly payload: string
  readonly more?: Readonly<Record<string, unknown>>
}

export const registrationBody = ({ deviceToken, more, payload, userId }: Forgery) => ({
  userId,
  deviceToken,
  deviceType: "iOS",
  bundleId: "com.boxer.email",
  authType: "Basic",
  payload,
  ...more
})

/** The device API of an installation, for one who holds this API token. */
export const makeClient = (installation: Installation, apiToken: string) => {
  const send = (endpoint: string, body: unknown) =>
    post(`${installation.baseUrl}/${endpoint}`, body, { ENSAPIToken: apiToken })
  const keyOf = (userId: string) =>
    Effect.map(send("getpublickey", { userId }), ({ json }) => String(json["publicKey"]))
  /** Registers `userId` with a payload that is encrypted to `keyOwner`'s key. */
  const register = (
    userId: string,
    deviceToken: string,
    content: DevicePayload | (DeviceLogin & { readonly emailAddress: string }),
    more: Readonly<Record<string, unknown>> = {},
    keyOwner = userId
  ) =>
    Effect.flatMap(keyOf(keyOwner), (key) =>
      send(
        "registerdevicev2",
        registrationBody({ userId, deviceToken, payload: encryptPayload(key, content), more })
      )
    )
  return { send, keyOf, register }
}

export type Client = ReturnType<typeof makeClient>

/** Exchange's callback about a new mail, as one could write it who knows somebody's callback URL. */
export const callBack = (url: string, itemId: string, subscriptionId: string): Effect.Effect<Answered> =>
  post(
    url,
    `<?xml version="1.0" encoding="utf-8"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><m:SendNotification
 xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"
 xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><m:ResponseMessages>
<m:SendNotificationResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:Notification>
<t:SubscriptionId>${subscriptionId}</t:SubscriptionId><t:PreviousWatermark>AAAA</t:PreviousWatermark>
<t:MoreEvents>false</t:MoreEvents><t:NewMailEvent><t:Watermark>CCCC</t:Watermark>
<t:TimeStamp>${new Date().toISOString()}</t:TimeStamp><t:ItemId Id="${itemId}" ChangeKey="CQ"/>
<t:ParentFolderId Id="AAMk-inbox" ChangeKey="CQ"/></t:NewMailEvent></m:Notification>
</m:SendNotificationResponseMessage></m:ResponseMessages></m:SendNotification></s:Body></s:Envelope>`,
    { "content-type": "text/xml" }
  )

/** Push tokens of a user in the database, whatever the API says. */
export const storedTokens = (installation: Installation, userId: string): ReadonlyArray<string> => {
  const database = new DatabaseSync(installation.database, { readOnly: true })
  try {
    return database
      .prepare("SELECT token FROM devices JOIN users USING (user_no) WHERE lower(hex(user_id)) = ?")
      .all(userId)
      .map(({ token }) => String(token))
  } finally {
    database.close()
  }
}

const jsonOf = (text: string): Record<string, unknown> => {
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === "object" && parsed !== null ? (parsed as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
