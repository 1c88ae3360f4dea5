import { Agent, request as requestHttp } from "node:http"
import { request as requestHttps, Agent as TlsAgent } from "node:https"
import { Effect, type Scope } from "effect"

export interface Reply {
  /** 0 = no answer. */
  readonly status: number
  /** Values of WWW-Authenticate. */
  readonly offers: ReadonlyArray<string>
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly text: string
}

export interface ConnectionOptions {
  /** PEM. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

/** One connection that stays open: `post` sends requests over it, one after another. */
export interface Connection {
  readonly post: (
    body: string,
    headers?: Readonly<Record<string, string>>,
    method?: "GET" | "POST"
  ) => Effect.Effect<Reply>
}

export const connectTo = (
  url: string,
  options: ConnectionOptions = {}
): Effect.Effect<Connection, never, Scope.Scope> =>
  Effect.gen(function* () {
    const secure = url.startsWith("https:")
    const settings = { keepAlive: true, maxSockets: 1 }
    const agent = yield* Effect.acquireRelease(
      Effect.sync(() => (secure ? new TlsAgent({ ...settings, ...options }) : new Agent(settings))),
      (one) => Effect.sync(() => one.destroy())
    )
    return {
      post: (body, headers = {}, method = "POST") =>
        Effect.async<Reply>((resume) => {
          const fields = { ...headers, "content-length": Buffer.byteLength(body) }
          const outgoing = (secure ? requestHttps : requestHttp)(url, { method, agent, headers: fields })
          outgoing.on("error", () => resume(Effect.succeed({ status: 0, offers: [], headers: {}, text: "" })))
          outgoing.on("response", (incoming) => {
            let text = ""
            incoming.setEncoding("utf8")
            incoming.on("data", (part: string) => {
              text += part
            })
            incoming.on("end", () =>
              resume(
                Effect.succeed({
                  status: incoming.statusCode ?? 0,
                  offers: incoming.headersDistinct["www-authenticate"] ?? [],
                  headers: incoming.headers,
                  text
                })
              )
            )
          })
          outgoing.end(body)
        })
    }
  })
