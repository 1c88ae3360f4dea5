import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { call } from "../../src/sandbox/JsonClient.ts"
import { blocksOf, readDocument } from "../docs/Markdown.ts"
import { within } from "../e2e/Rehearsal.ts"
import { describePeer } from "../peers/support/RealPeer.ts"
import { HAPROXY_FILES, haproxy, NGINX_FILES, nginx, shipped } from "./support/FrontProxy.ts"

type Says = "ready" | "not ready" | "standby" | "nothing"

/** A node as a balancer sees it: what `/readyz` says can be changed; a standby refuses the rest, others tell their name. */
const node = (name: string) =>
  Effect.acquireRelease(
    Effect.async<{ readonly port: number; readonly say: (what: Says) => void; readonly close: () => void }>(
      (resume) => {
        let says: Says = "standby"
        const server = createServer((request, response) => {
          if (says === "nothing") request.socket.destroy()
          else if (request.url !== "/readyz" && says !== "standby") response.end(name)
          else response.writeHead(says === "ready" ? 200 : 503).end(`${says}\n`)
        })
        server.listen(0, "127.0.0.1", () =>
          resume(
            Effect.succeed({
              port: (server.address() as AddressInfo).port,
              say: (what) => {
                says = what
              },
              close: () => {
                server.close()
                server.closeAllConnections()
              }
            })
          )
        )
      }
    ),
    ({ close }) => Effect.sync(close)
  )

describePeer("HAProxy with the file for two nodes", HAPROXY_FILES, () => {
  it.scopedLive("prefers who is ready, else takes who is not, and never a standby", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* node("one"), yield* node("two")]
      const proxy = yield* haproxy("haproxy-two-nodes.cfg")
      yield* proxy.start([
        ["10.0.0.1:8080", `127.0.0.1:${one.port}`],
        ["10.0.0.2:8080", `127.0.0.1:${two.port}`]
      ])
      const answer = Effect.promise(() =>
        call(`https://127.0.0.1:${proxy.port}/api/ens/alive`, {
          method: "GET",
          timeout: 10_000,
          ca: proxy.ca
        }).then(({ status, text }) => (status === 200 ? text : `${status}`))
      )
      const comesTo = (expected: string) =>
        within(
          Effect.repeat(Effect.delay(answer, 50), { until: (name) => name === expected }),
          `${expected}; the log:\n${proxy.logs()}`,
          15
        )
      yield* comesTo("503")
      one.say("ready")
      yield* comesTo("one")
      one.say("not ready")
      two.say("ready")
      yield* comesTo("two")
      // The database is away: nobody is ready, and who was active still answers heartbeats.
      two.say("not ready")
      one.say("standby")
      yield* Effect.sleep("1500 millis")
      yield* comesTo("two")
      for (let i = 0; i < 10; i++) expect(yield* answer).toBe("two")
      two.say("nothing")
      one.say("ready")
      yield* comesTo("one")
    })
  )
})

describePeer("nginx with two nodes in its upstream", NGINX_FILES, () => {
  it.scopedLive("sends to the other one what a standby refuses, also if it is no GET", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* node("one"), yield* node("two")]
      const proxy = yield* nginx
      yield* proxy.start([
        ["127.0.0.1:8080", `127.0.0.1:${one.port}`],
        ["# server 10.0.0.2:8080", `server 127.0.0.1:${two.port}`]
      ])
      const answer = Effect.promise(() =>
        call(`https://127.0.0.1:${proxy.port}/api/ens/pushnotificationlistener?id=1`, {
          method: "POST",
          body: "<x/>",
          timeout: 10_000,
          ca: proxy.ca
        }).then(({ status, text }) => (status === 200 ? text : `${status}`))
      )
      for (const [active, standby, name] of [
        [one, two, "one"],
        [two, one, "two"]
      ] as const) {
        active.say("ready")
        standby.say("standby")
        for (let i = 0; i < 6; i++) expect(yield* answer).toBe(name)
      }
      two.say("standby")
      expect(yield* answer).toBe("503")
    })
  )
})

it("docs/operations/storage.md shows what deploy/haproxy/haproxy-two-nodes.cfg has", () => {
  const shown = blocksOf(readDocument("docs/operations/storage.md"))
    .map(({ text }) => text)
    .find((text) => text.includes("use_backend ready"))
  expect(shown).toBeDefined()
  expect(shipped("haproxy/haproxy-two-nodes.cfg")).toContain(shown)
})
