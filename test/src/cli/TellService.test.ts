import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { refreshTokensOfService } from "../../../src/cli/TellService.ts"
import { ens, settingsFile } from "../../support/CommandLine.ts"
import { settingsOf } from "../../support/CryptoFixture.ts"

/** An admin listener that answers with this status; `undefined`: never. */
const listener = (status: number | undefined) =>
  Effect.acquireRelease(
    Effect.async<{ readonly port: number; readonly asked: Array<string>; readonly end: () => void }>(
      (resume) => {
        const asked: Array<string> = []
        const server = createServer((request, response) => {
          let body = ""
          request.on("data", (chunk) => (body += chunk))
          request.on("end", () => {
            asked.push(`${request.method} ${request.url} ${body}`)
            if (status !== undefined) response.writeHead(status).end()
          })
        })
        server.listen(0, "127.0.0.1", () => {
          const { port } = server.address() as AddressInfo
          const end = () => {
            server.close()
            server.closeAllConnections()
          }
          resume(Effect.succeed({ port, asked, end }))
        })
      }
    ),
    ({ end }) => Effect.sync(end)
  )

const told = (adminPort: number, adminHost = "127.0.0.1") =>
  Effect.provide(refreshTokensOfService, settingsOf({ adminHost, adminPort }))

describe("a service that is told of a revoked token", () => {
  it.scopedLive("is asked to read its tokens anew, and for nothing else", () =>
    Effect.gen(function* () {
      const { asked, port } = yield* listener(204)
      expect(yield* told(port)).toBe(true)
      // Who listens on all addresses is reached here.
      expect(yield* told(port, "0.0.0.0")).toBe(true)
      expect(asked).toEqual(["POST /tokens/refresh ", "POST /tokens/refresh "])
    })
  )

  it.scopedLive("need not be there, nor be well, nor be ours", () =>
    Effect.gen(function* () {
      const { end, port } = yield* listener(204)
      end()
      expect(yield* told(port)).toBe(false)
      expect(yield* told((yield* listener(503)).port)).toBe(false)
      expect(yield* told((yield* listener(404)).port)).toBe(false)
    })
  )

  it.scopedLive("is not waited for if it says nothing", () =>
    Effect.gen(function* () {
      expect(yield* told((yield* listener(undefined)).port)).toBe(false)
    })
  )

  it.scopedLive("hears of it from `ens token revoke`, which says so", () =>
    Effect.gen(function* () {
      const { asked, port } = yield* listener(204)
      const { config } = yield* settingsFile({ ENS_ADMIN_PORT: `${port}` })
      const { id, token } = JSON.parse(
        (yield* ens("token", "create", "--label", "x", "--json", "--config", config)).out
      )
      expect(asked).toEqual([])
      expect((yield* ens("token", "revoke", "--config", config, id)).out).toContain(
        "the service here refuses it from now on, others within 20 seconds"
      )
      expect(asked).toHaveLength(1)
      expect(asked[0]).not.toContain(token)
      yield* ens("token", "revoke", "--config", config, id)
      expect(asked).toHaveLength(1)
    })
  )
})
