#!/usr/bin/env node
// A sample of what an app does to get notifications from ENS. Plain Node, nothing to install; see ../device-api.md.
//
//   node client.mjs register|status|unregister|update-token NEW-TOKEN
//
// Settings: ENS_URL (ENSLinkAddress of the profile), ENS_API_TOKEN (ENSAPIToken), MAIL_ADDRESS, MAIL_USER, MAIL_PASSWORD,
// DEVICE_TOKEN, DEVICE_TYPE (iOS or Android), EWS_URL (EWSUrl; optional).

import { constants, createHash, createPublicKey, publicEncrypt } from "node:crypto"
import { pathToFileURL } from "node:url"

/** What ENS answered: HTTP status, and the envelope with `responseCode` and `errorMessage`. */
export class Answer {
  constructor(status, body) {
    this.status = status
    Object.assign(this, body)
  }
}

/** Codes after which nothing is left to do, by what was asked. */
const DONE = { register: [6, 7, 17], unregister: [24, 25, 26, 28], "update-token": [3], status: [6] }
/** Codes after which the app registers. */
const REGISTER = [5, 9, 28, 29, 30]
/** Codes that somebody has to be told of, because trying again is of no use. */
const TELL = [23, 32, 35, 36]
/** Everything else is tried again after so many minutes, in turn, unless the answer names a time. */
const AGAIN = [1, 5, 15, 60]

export class EnsClient {
  #publicKey

  /** `account`: address, username, password; `device`: token, type, bundleId; `ewsUrl` may be undefined. */
  constructor({ url, apiToken, account, device, ewsUrl, pause = sleep }) {
    Object.assign(this, { url: url.replace(/\/+$/, ""), apiToken, account, device, ewsUrl, pause })
    this.userId = createHash("sha256").update(account.address.trim().toLowerCase(), "utf8").digest("hex")
  }

  /** To be called at the first start, after a change of password (`force`), and whenever a silent push says "resubscribe". */
  register(force = false) {
    return this.#untilDone("register", async () => {
      const answer = await this.#registerOnce(force)
      // 34: encrypted with a key that is not this user's (any more). Once more with the present one.
      if (answer.responseCode !== 34) return answer
      this.#publicKey = undefined
      return this.#registerOnce(force)
    })
  }

  /** To be called at each start of the app, and now and then: registers if the subscription is not alive. */
  async checkIn() {
    const answer = await this.status()
    return REGISTER.includes(answer.responseCode) ? this.register() : answer
  }

  status() {
    return this.#post("getsubscriptionstatus", { userId: this.userId, deviceToken: this.device.token })
  }

  /** The push service has given the app another token. */
  async updateToken(newToken) {
    const answer = await this.#post("updatedevicetoken", {
      userId: this.userId,
      oldDeviceToken: this.device.token,
      newDeviceToken: newToken
    })
    this.device = { ...this.device, token: newToken }
    return REGISTER.includes(answer.responseCode) ? this.register() : answer
  }

  /** The account leaves the app: ENS forgets this device, and with the last one the user. */
  unregister() {
    return this.#untilDone("unregister", () =>
      this.#post("unregister", { userId: this.userId, deviceToken: this.device.token })
    )
  }

  /** What a push brings. A silent one with the action "resubscribe" asks for a registration. */
  async received(payload) {
    const action = payload.ens?.action ?? payload.action
    return action === "resubscribe" ? this.register() : undefined
  }

  async #registerOnce(force) {
    if (this.#publicKey === undefined) {
      const answer = await this.#post("getpublickey", { userId: this.userId })
      if (answer.responseCode !== 3) return answer
      this.#publicKey = answer.publicKey
    }
    const { address, password, username } = this.account
    const payload = {
      // In front of the log-in, so that nobody can exchange them in a copy.
      deviceToken: this.device.token,
      issuedAt: new Date().toISOString(),
      emailAddress: address,
      username,
      password
    }
    return this.#post("registerdevicev2", {
      userId: this.userId,
      deviceToken: this.device.token,
      deviceType: this.device.type,
      bundleId: this.device.bundleId,
      authType: "Basic",
      payload: encrypt(this.#publicKey, payload),
      ewsUrl: this.ewsUrl,
      forceSubscription: force
    })
  }

  async #untilDone(what, attempt) {
    for (const minutes of [...AGAIN, undefined]) {
      const answer = await attempt().catch(
        (error) => new Answer(0, { responseCode: 4, errorMessage: error.message })
      )
      if (DONE[what].includes(answer.responseCode)) return answer
      if (TELL.includes(answer.responseCode) || minutes === undefined) {
        throw new Error(`ENS answered ${answer.responseCode}: ${answer.errorMessage || "see its manual"}`)
      }
      await this.pause(answer.retryAfterSeconds ?? minutes * 60)
    }
  }

  async #post(endpoint, body) {
    const response = await fetch(`${this.url}/${endpoint}`, {
      method: "POST",
      headers: { "content-type": "application/json", ENSAPIToken: this.apiToken },
      body: JSON.stringify(body),
      // A registration is answered within 30 seconds.
      signal: AbortSignal.timeout(40_000)
    })
    return new Answer(response.status, await response.json())
  }
}

/** RSA with PKCS#1 v1.5 padding over pieces of the key's size less 11 bytes, joined, as base64. */
export const encrypt = (publicKey, payload) => {
  const key = createPublicKey({ key: Buffer.from(publicKey, "base64"), format: "der", type: "spki" })
  const size = key.asymmetricKeyDetails.modulusLength / 8 - 11
  const plain = Buffer.from(JSON.stringify(payload), "utf8")
  const pieces = []
  for (let start = 0; start < plain.length; start += size) {
    const piece = plain.subarray(start, start + size)
    pieces.push(publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, piece))
  }
  return Buffer.concat(pieces).toString("base64")
}

const sleep = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000))

const main = async ([verb, ...rest]) => {
  const needed = (name) => {
    const value = process.env[name]
    if (!value) throw new Error(`set ${name}; see the beginning of client.mjs`)
    return value
  }
  const client = new EnsClient({
    url: needed("ENS_URL"),
    apiToken: needed("ENS_API_TOKEN"),
    account: {
      address: needed("MAIL_ADDRESS"),
      username: process.env.MAIL_USER ?? needed("MAIL_ADDRESS"),
      password: process.env.MAIL_PASSWORD ?? ""
    },
    device: {
      token: needed("DEVICE_TOKEN"),
      type: process.env.DEVICE_TYPE ?? "iOS",
      bundleId: process.env.BUNDLE_ID ?? "com.example.mail"
    },
    ewsUrl: process.env.EWS_URL
  })
  const verbs = {
    register: () => client.register(),
    status: () => client.status(),
    unregister: () => client.unregister(),
    "update-token": () => client.updateToken(rest[0])
  }
  if (verbs[verb] === undefined) throw new Error(`say one of: ${Object.keys(verbs).join(", ")}`)
  console.log(JSON.stringify(await verbs[verb]()))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  await main(process.argv.slice(2)).catch((error) => {
    console.error(error.message)
    process.exitCode = 1
  })
}
