import { connect } from "node:net"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { freePorts } from "../../../src/demo/FreePorts.ts"
import * as Admin from "../../../src/http/Admin.ts"
import { plainHttpTo } from "../../../src/http/AdminReach.ts"
import type { Line } from "../../support/DeviceApiFixture.ts"
import { world } from "./console/ConsoleFixture.ts"

/** The listener on a real socket, and what it answers to these bytes before it hangs up. */
const listening = (adminHost = "127.0.0.1", lines: Array<Line> = []) =>
  Effect.gen(function* () {
    const [adminPort = 0] = yield* freePorts(1)
    yield* Layer.build(Layer.provide(Admin.layer, world({ lines, settings: { adminHost, adminPort } })))
    return (text: string) =>
      Effect.promise(
        () =>
          new Promise<string>((resolve) => {
            let got = ""
            const socket = connect(adminPort, "127.0.0.1", () => socket.write(text))
            socket.on("data", (chunk) => {
              got += chunk.toString("latin1")
            })
            socket.on("error", () => resolve(got))
            socket.on("close", () => resolve(got))
          })
      )
  })

const head = (...lines: ReadonlyArray<string>) => `${lines.join("\r\n")}\r\nConnection: close\r\n\r\n`
const status = (answer: string) => /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]

describe("The admin listener", () => {
  it.scopedLive("takes no body that is larger than anybody needs, and no time that is none", () =>
    Effect.gen(function* () {
      const ask = yield* listening()
      const put = (body: string) =>
        ask(
          head(
            "PUT /log-level HTTP/1.1",
            "Host: localhost",
            "Content-Type: application/json",
            `Content-Length: ${body.length}`
          ) + body
        )
      expect(status(yield* put('{"level":"info"}'))).toBe("200")
      for (const until of ["1e300", "1e999", "-1", '"now"'])
        expect([until, status(yield* put(`{"level":"debug","until":${until}}`))]).toEqual([until, "400"])
      expect(status(yield* put(`{"level":"info","x":"${"x".repeat(1_000_000)}"}`))).not.toBe("200")
    })
  )

  it.scopedLive("goes by Host, whatever else a request says about its target", () =>
    Effect.gen(function* () {
      const ask = yield* listening()
      const get = (target: string, ...headers: ReadonlyArray<string>) =>
        Effect.map(ask(head(`GET ${target} HTTP/1.1`, ...headers)), status)
      expect(yield* get("/console", "Host: localhost")).toBe("200")
      expect(yield* get("/console")).toBe("400")
      expect(yield* get("/console", "Host:")).toBe("421")
      expect(yield* get("/console", "Host: evil.example")).toBe("421")
      expect(yield* get("http://localhost/console", "Host: evil.example")).toBe("421")
      expect(yield* get("/console", "Host: evil.example", "X-Forwarded-Host: localhost")).toBe("421")
      expect(yield* get("/console", "Host: evil.example", "Host: localhost")).not.toBe("200")
      for (const host of [
        "localhost@evil.example",
        "[fe80::1%25eth0]",
        "localhost:80:80",
        "localhost/",
        "a\tb"
      ]) {
        expect([host, yield* get("/console", `Host: ${host}`)]).not.toEqual([host, "200"])
      }
    })
  )

  it.scopedLive("lets no other site frame or read anything, whatever the path", () =>
    Effect.gen(function* () {
      const ask = yield* listening()
      for (const path of [
        "/metrics",
        "/readyz",
        "/docs",
        "/nothing",
        "/console",
        "/console/%zz",
        "/console/api/x"
      ]) {
        const answer = yield* ask(head(`GET ${path} HTTP/1.1`, "Host: localhost"))
        expect([path, answer]).toEqual([path, expect.stringMatching(/^x-frame-options: DENY\r$/im)])
        expect(answer).toMatch(/^x-content-type-options: nosniff\r$/im)
        expect(answer).toMatch(/^cross-origin-resource-policy: same-origin\r$/im)
      }
    })
  )

  it.scopedLive("says so when other machines reach it without TLS", () => {
    const lines: Array<Line> = []
    return Effect.gen(function* () {
      yield* listening("0.0.0.0", lines)
      expect(lines.map((line) => JSON.stringify(line)).join()).toContain("by plain HTTP")
    })
  })

  it("stays on this machine on addresses of this machine only", () => {
    const at = (adminHost: string) => plainHttpTo({ adminHost, adminPort: 8081 })
    for (const host of ["127.0.0.1", "127.1.2.3", "::1", "localhost", "LOCALHOST"])
      expect(at(host)).toBeUndefined()
    for (const host of ["0.0.0.0", "::", "10.0.0.1", "ens.example.com"]) expect(at(host)).toContain(host)
  })
})
