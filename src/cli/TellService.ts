import { request } from "node:http"
import { text } from "node:stream/consumers"
import { Effect } from "effect"
import { Settings } from "../../schemas/Settings.ts"

/** What the running service's admin listener answered. */
export interface Answer {
  readonly status: number
  readonly body: string
}

/**
 * Asks the service that has the same settings. Undefined: nobody listens there, or says nothing for 3 s.
 * `body` is sent as JSON.
 */
export const askService = (
  method: "GET" | "POST" | "PUT",
  path: string,
  body?: unknown
): Effect.Effect<Answer | undefined, never, Settings> =>
  Effect.flatMap(Settings, ({ adminHost, adminPort }) =>
    Effect.async<Answer | undefined>((resume) => {
      const asked = request(
        {
          method,
          host: reachable(adminHost),
          port: adminPort,
          path,
          agent: false,
          ...(body === undefined ? {} : { headers: { "Content-Type": "application/json" } })
        },
        (response) => {
          text(response).then(
            (body) => resume(Effect.succeed({ status: response.statusCode ?? 0, body })),
            () => resume(Effect.succeed(undefined))
          )
        }
      )
      asked.on("error", () => resume(Effect.succeed(undefined)))
      asked.end(body === undefined ? undefined : JSON.stringify(body))
      return Effect.sync(() => asked.destroy())
    }).pipe(Effect.timeoutTo({ duration: WITHIN, onSuccess: (answer) => answer, onTimeout: () => undefined }))
  )

/**
 * Asks the service that has the same settings, if it runs, to read its API tokens anew: true if it has done so. Tries for
 * some seconds and never fails, because a service notices by itself, only later.
 */
export const refreshTokensOfService: Effect.Effect<boolean, never, Settings> = Effect.map(
  askService("POST", "/tokens/refresh"),
  (answer) => answer?.status === 204
)

const WITHIN = "3 seconds"

/** Whoever listens on all addresses is reached on this machine's own. */
const reachable = (host: string) => (host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host)
