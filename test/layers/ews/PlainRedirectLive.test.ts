import type { LookupFunction } from "node:net"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { PlainRedirect } from "../../../layers/ews/PlainRedirect.ts"
import { layerWith } from "../../../layers/ews/PlainRedirectLive.ts"
import * as LogRecorder from "../../support/LogRecorder.ts"
import { type ScriptedServer, type Step, say, scriptedServer } from "../../support/ScriptedServer.ts"

const NAME = "autodiscover.contoso.com"

/** What is read of a server that is known by a name, as listed hosts are that resolve to private addresses. */
const locationAt = (server: ScriptedServer, listed = true, timeout = 5_000) => {
  const lookup: LookupFunction = (hostname, _, callback) =>
    hostname === NAME
      ? callback(null, [{ address: "127.0.0.1", family: 4 }])
      : callback(Object.assign(new Error("no such name"), { code: "ENOTFOUND" }), [])
  const url = `http://${NAME}:${new URL(server.origin).port}/autodiscover/autodiscover.xml`
  return Effect.flatMap(PlainRedirect, (plain) => plain.locationOf(url, listed, timeout)).pipe(
    Effect.provide(Layer.merge(layerWith({ lookup }), LogRecorder.layer([])))
  )
}

describe("asking over plain HTTP", () => {
  it.scopedLive("reads the Location of a redirect, and sends nothing of the user", () =>
    Effect.gen(function* () {
      const server = yield* scriptedServer
      for (const status of [301, 302, 303, 307, 308]) {
        server.script(say(status, "a page", { location: "https://x.net/autodiscover/autodiscover.xml" }))
        expect(yield* locationAt(server)).toBe("https://x.net/autodiscover/autodiscover.xml")
      }
      const [request] = server.requests
      expect(request?.url).toBe("/autodiscover/autodiscover.xml")
      expect(Object.keys(request?.headers ?? {}).sort()).toEqual(["connection", "host"])
      yield* server.hungUp(5)
    })
  )

  const others: ReadonlyArray<readonly [string, Step]> = [
    ["another status", say(200, "", { location: "https://x.net/" })],
    ["no Location", say(302)],
    ["a status that is no redirect to elsewhere", say(304, "", { location: "https://x.net/" })],
    ["too many headers", say(302, "", { location: "https://x.net/", x: "y".repeat(20_000) })],
    ["no HTTP", (response) => void response.socket?.end("SSH-2.0-OpenSSH_9.2\r\n")],
    ["a connection that ends", (response) => void response.destroy()]
  ]
  for (const [what, step] of others) {
    it.scopedLive(`takes ${what} for nothing`, () =>
      Effect.gen(function* () {
        const server = yield* scriptedServer
        server.script(step)
        expect(yield* locationAt(server)).toBe(undefined)
        expect(server.requests).toHaveLength(1)
      })
    )
  }

  it.scopedLive("waits for nobody longer than it may, and hangs up", () =>
    Effect.gen(function* () {
      const server = yield* scriptedServer
      server.script(() => {})
      expect(yield* locationAt(server, true, 50)).toBe(undefined)
      yield* server.hungUp(server.connections())
    })
  )

  it.scopedLive(
    "does not connect to a private address of a host that is not listed, by name or written out",
    () =>
      Effect.gen(function* () {
        const server = yield* scriptedServer
        expect(yield* locationAt(server, false)).toBe(undefined)
        const literal = Effect.flatMap(PlainRedirect, (plain) =>
          plain.locationOf(`${server.origin}/autodiscover/autodiscover.xml`, false, 1_000)
        )
        expect(yield* Effect.provide(literal, layerWith({}))).toBe(undefined)
        expect(server.connections()).toBe(0)
      })
  )
})
