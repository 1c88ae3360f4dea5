import { createHash } from "node:crypto"
import { Agent, request } from "node:http"
import { encryptPayload } from "../../src/sandbox/DevicePayload.ts"
import { Latencies } from "./Latencies.ts"
import { PASSWORD, userNameOf } from "./PlayedExchange.ts"
import { addressOf } from "./Population.ts"

/** Users who come later than the population and register their first phone: `getpublickey`, then `registerdevicev2`. */
export class Registrations {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 })
  readonly #token: string
  readonly latencies = new Latencies()
  underWay = 0
  refused = 0
  #next: number

  /** Users from `first` on are new. */
  constructor(token: string, first: number) {
    this.#token = token
    this.#next = first
  }

  /** Registers one more; the time counts from `due` (`performance.now()`). */
  start(port: number, due: number): void {
    this.underWay += 1
    this.#register(port, this.#next++).then(
      (code) => this.#ended(code === SUBSCRIBED, due),
      () => this.#ended(false, due)
    )
  }

  #ended(succeeded: boolean, due: number): void {
    this.underWay -= 1
    if (succeeded) this.latencies.add(performance.now() - due)
    else this.refused += 1
  }

  async #register(port: number, index: number): Promise<number> {
    const emailAddress = addressOf(index)
    const userId = createHash("sha256").update(emailAddress).digest("hex")
    const { publicKey, responseCode } = await this.#post(port, "getpublickey", { userId })
    if (publicKey === undefined) return responseCode
    const registered = await this.#post(port, "registerdevicev2", {
      userId,
      deviceToken: `f${index.toString(16).padStart(63, "0")}`,
      deviceType: "iOS",
      bundleId: "com.example.mail",
      authType: "Basic",
      payload: encryptPayload(publicKey, { emailAddress, username: userNameOf(index), password: PASSWORD })
    })
    return registered.responseCode
  }

  #post(port: number, endpoint: string, fields: object): Promise<Answer> {
    const body = JSON.stringify(fields)
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          agent: this.#agent,
          host: "127.0.0.1",
          port,
          method: "POST",
          path: `/api/ens/${endpoint}`,
          headers: {
            ENSAPIToken: this.#token,
            "content-type": "application/json",
            "content-length": Buffer.byteLength(body)
          }
        },
        (response) => {
          let text = ""
          response.setEncoding("utf8")
          response.on("data", (chunk: string) => {
            text += chunk
          })
          response.on("error", reject)
          response.on("end", () => {
            try {
              resolve(JSON.parse(text) as Answer)
            } catch (error) {
              reject(error)
            }
          })
        }
      )
      sent.on("error", reject)
      sent.end(body)
    })
  }
}

interface Answer {
  readonly responseCode: number
  readonly publicKey?: string
}

/** UserSubscribed */
const SUBSCRIBED = 7
