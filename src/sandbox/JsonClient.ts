import { type RequestOptions, request as requestHttp } from "node:http"
import { request as requestHttps } from "node:https"

export interface JsonRequest {
  readonly method: "GET" | "POST"
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Milliseconds. */
  readonly timeout: number
  /** PEM of the CA that signed the server's certificate. */
  readonly ca?: string | undefined
}

/** One HTTP call on a connection of its own; rejects with a short reason. Answers are cut at 1 MiB. */
export const call = (
  url: string,
  request: JsonRequest
): Promise<{ readonly status: number; readonly text: string }> =>
  new Promise((resolve, reject) => {
    const target = new URL(url)
    const options: RequestOptions = {
      method: request.method,
      headers: {
        ...request.headers,
        ...(request.body === undefined ? {} : { "Content-Length": Buffer.byteLength(request.body) })
      },
      signal: AbortSignal.timeout(request.timeout),
      agent: false
    }
    const outgoing =
      target.protocol === "https:"
        ? requestHttps(target, { ...options, ca: request.ca })
        : requestHttp(target, options)
    outgoing.on("error", (error) => reject(error))
    outgoing.on("response", (incoming) => {
      let text = ""
      incoming.setEncoding("utf8")
      incoming.on("data", (part: string) => {
        if (text.length < MAX_ANSWER) text += part
      })
      incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, text }))
      incoming.on("error", (error) => reject(error))
    })
    outgoing.end(request.body)
  })

const MAX_ANSWER = 1024 * 1024
