import { request } from "node:http"
import { Effect } from "effect"
import { Settings } from "../../schemas/Settings.ts"

/**
 * Asks the service that has the same settings, if it runs, to read its API tokens anew: true if it has done so. Tries for
 * some seconds and never fails, because a service notices by itself, only later.
 */
export const refreshTokensOfService: Effect.Effect<boolean, never, Settings> = Effect.flatMap(
  Settings,
  ({ adminHost, adminPort }) =>
    Effect.async<boolean>((resume) => {
      const asked = request(
        {
          method: "POST",
          host: reachable(adminHost),
          port: adminPort,
          path: "/tokens/refresh",
          agent: false
        },
        (response) => {
          response.resume()
          resume(Effect.succeed(response.statusCode === 204))
        }
      )
      asked.on("error", () => resume(Effect.succeed(false)))
      asked.end()
      return Effect.sync(() => asked.destroy())
    }).pipe(Effect.timeoutTo({ duration: WITHIN, onSuccess: (done) => done, onTimeout: () => false }))
)

const WITHIN = "3 seconds"

/** Whoever listens on all addresses is reached on this machine's own. */
const reachable = (host: string) => (host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host)
