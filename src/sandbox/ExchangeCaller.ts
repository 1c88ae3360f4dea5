import { Agent, type RequestOptions, request as requestHttp } from "node:http"
import { request as requestHttps, Agent as TlsAgent } from "node:https"

/** How callbacks travel. */
export interface CallerOptions {
  /** Sockets per listener host; further callbacks wait for one. */
  readonly connectionsPerHost: number
  readonly keepAlive: boolean
  /** Milliseconds until an unanswered callback counts as failed. */
  readonly timeout: number
  /** PEM of the CA that signed the listener's certificate. */
  readonly ca: string | undefined
}

/** What came back: an HTTP answer, or why there was none. */
export type CallerAnswer =
  | { readonly status: number; readonly body: string }
  | { readonly status: undefined; readonly reason: string }

/** Sends callbacks as Exchange's web client does: SOAP 1.1, SOAPAction without quotes, no User-Agent, no log-in. */
export class Caller {
  readonly #options: CallerOptions
  readonly #http: Agent
  readonly #https: TlsAgent

  constructor(options: CallerOptions) {
    this.#options = options
    const agentOptions = { keepAlive: options.keepAlive, maxSockets: options.connectionsPerHost }
    this.#http = new Agent(agentOptions)
    this.#https = new TlsAgent(options.ca === undefined ? agentOptions : { ...agentOptions, ca: options.ca })
  }

  /** `onSent` is called once the request is on the wire, or has failed. */
  post(url: string, body: string, onSent: () => void = () => {}): Promise<CallerAnswer> {
    return new Promise((resolve) => {
      const options: RequestOptions = {
        method: "POST",
        signal: AbortSignal.timeout(this.#options.timeout),
        headers: {
          "Content-Type": "text/xml; charset=utf-8",
          Accept: "text/xml",
          SOAPAction: "http://schemas.microsoft.com/exchange/services/2006/messages/SendNotification",
          "Content-Length": Buffer.byteLength(body)
        }
      }
      const failed = (error: Error) => {
        onSent()
        resolve({ status: undefined, reason: error.name === "AbortError" ? "timeout" : reasonOf(error) })
      }
      const target = new URL(url)
      const outgoing =
        target.protocol === "https:"
          ? requestHttps(target, { ...options, agent: this.#https })
          : requestHttp(target, { ...options, agent: this.#http })
      outgoing.on("error", failed)
      outgoing.on("finish", onSent)
      outgoing.on("response", (incoming) => {
        let text = ""
        incoming.setEncoding("utf8")
        incoming.on("data", (part: string) => {
          if (text.length < MAX_ANSWER) text += part
        })
        incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, body: text }))
        incoming.on("error", failed)
      })
      outgoing.end(body)
    })
  }

  close(): void {
    this.#http.destroy()
    this.#https.destroy()
  }
}

const MAX_ANSWER = 64 * 1024

const reasonOf = (error: Error): string => ("code" in error ? String(error.code) : error.message)
