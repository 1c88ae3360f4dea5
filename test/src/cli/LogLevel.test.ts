import { createServer, request } from "node:http"
import type { AddressInfo } from "node:net"
import { text } from "node:stream/consumers"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import * as LogLevels from "../../../layers/telemetry/LogLevels.ts"
import { changeLogLevel } from "../../../src/http/ChangeLogLevel.ts"
import { routerApp } from "../../../src/http/RouterApp.ts"
import { ens, settingsFile } from "../../support/CommandLine.ts"
import { settingsOf } from "../../support/CryptoFixture.ts"

/** An admin listener with nothing but the log level, whose settings say info; and what it logged. */
const listening = Effect.gen(function* () {
  const server = createServer()
  const lines: Array<string> = []
  const nothing = HttpServerResponse.text("", { status: 404 })
  const app = Effect.flatMap(routerApp(changeLogLevel, nothing), (app) => HttpServer.serveEffect(app))
  yield* Layer.build(
    Layer.scopedDiscard(app).pipe(
      Layer.provide(NodeHttpServer.layer(() => server, { host: "127.0.0.1", port: 0 })),
      Layer.provide(LogLevels.layer),
      Layer.provide(
        Logger.replace(
          Logger.defaultLogger,
          Logger.make(({ message }) => void lines.push([message].flat().join(" ")))
        )
      ),
      Layer.provide(settingsOf({}))
    )
  )
  const { port } = server.address() as AddressInfo
  const { config } = yield* settingsFile({ ENS_ADMIN_PORT: `${port}` })
  return {
    port,
    lines,
    run: (...args: ReadonlyArray<string>) => ens("log-level", ...args, "--config", config)
  }
})

const put = (port: number, body: string, headers: Readonly<Record<string, string>>) =>
  Effect.promise(async () => {
    const asked = request({
      method: "PUT",
      host: "127.0.0.1",
      port,
      path: "/log-level",
      headers,
      agent: false
    })
    asked.end(body)
    const response = await new Promise<import("node:http").IncomingMessage>((done, fail) =>
      asked.on("response", done).on("error", fail)
    )
    return { status: response.statusCode, body: await text(response) }
  })

describe("ens log-level", () => {
  it.scopedLive("shows the running service's level, and changes it for some time", () =>
    Effect.gen(function* () {
      const { run } = yield* listening
      expect(yield* run()).toMatchObject({ ok: true, out: "info" })
      expect((yield* run("debug", "--for", "10 minutes")).out).toMatch(/^debug until \d{4}-/)
      const now = JSON.parse((yield* run("--json")).out)
      expect(now.level).toBe("debug")
      expect(Math.abs(Date.parse(now.until) - Date.now() - 600_000)).toBeLessThan(60_000)
      expect(yield* run("warning")).toMatchObject({ ok: true, out: "warning" })
      expect(JSON.parse((yield* run("--json")).out)).toEqual({ level: "warning", until: null })
    })
  )

  it.scopedLive("is told by the service itself, before lines of that kind end", () =>
    Effect.gen(function* () {
      const { lines, run } = yield* listening
      yield* run("debug")
      yield* run("error")
      expect(lines.filter((line) => line.startsWith("the log level is"))).toEqual([
        "the log level is debug until the next start",
        "the log level is error until the next start"
      ])
    })
  )

  it.scopedLive("takes nothing from browsers and proxies, and nothing that is no level", () =>
    Effect.gen(function* () {
      const { port, run } = yield* listening
      const json = { "Content-Type": "application/json" }
      const debug = '{"level":"debug"}'
      for (const name of ["Origin", "Sec-Fetch-Site", "X-Forwarded-For", "Forwarded", "Via"])
        expect((yield* put(port, debug, { ...json, [name]: "x" })).status).toBe(403)
      expect((yield* put(port, '{"level":"loud"}', json)).status).toBe(400)
      expect((yield* put(port, "level=debug", json)).status).toBe(400)
      expect((yield* run()).out).toBe("info")
    })
  )

  it.scopedLive("says in one line why it can do nothing", () =>
    Effect.gen(function* () {
      const { config } = yield* settingsFile({ ENS_ADMIN_PORT: "1" })
      expect(yield* ens("log-level", "debug", "--config", config)).toMatchObject({
        exitCode: 1,
        err: expect.stringMatching(/^ens: no service answers at 127\.0\.0\.1:1 .*; start it/)
      })
      expect(yield* ens("log-level", "--for", "1 hour", "--config", config)).toMatchObject({
        exitCode: 2,
        err: expect.stringContaining("--for goes with a level")
      })
      expect(yield* ens("log-level", "debug", "--for", "long", "--config", config)).toMatchObject({
        exitCode: 2,
        err: expect.stringContaining("--for must be a duration")
      })
      expect((yield* ens("log-level", "loud", "--config", config)).exitCode).toBe(2)
    })
  )
})
