import { request } from "node:http"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { hashApiToken } from "../../layers/crypto/ApiTokenSecret.ts"
import * as SqliteStorage from "../../layers/storage/SqliteStorage.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import * as Api from "../../schemas/ConsoleApi.ts"
import { userIdOfAddress } from "../../schemas/Ids.ts"
import { startService } from "../support/ServiceFixture.ts"
import { ALICE, eventually, rehearse, within } from "./Rehearsal.ts"

const ADMIN = "ensadm-token-of-the-console-test"

interface Answer {
  readonly status: number
  readonly cookie: string
  readonly json: Record<string, unknown>
  readonly text: string
}

/** One request as a browser at this address would send it; `fetch` does not let `Origin` be chosen. */
const ask = (base: string, method: string, path: string, headers: Record<string, string>, body?: unknown) =>
  Effect.async<Answer>((resume) => {
    const url = new URL(path, base)
    const own = { origin: url.origin, ...(body === undefined ? {} : { "content-type": "application/json" }) }
    const sent = request(url, { method, headers: { ...own, ...headers }, agent: false }, (response) => {
      const chunks: Array<Buffer> = []
      response.on("data", (chunk: Buffer) => chunks.push(chunk))
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString()
        const isJson = response.headers["content-type"] === "application/json"
        resume(
          Effect.succeed({
            status: response.statusCode ?? 0,
            cookie: response.headers["set-cookie"]?.[0]?.split(";")[0] ?? "",
            json: isJson ? JSON.parse(text) : {},
            text
          })
        )
      })
    })
    sent.on("error", (error) => resume(Effect.die(error)))
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })

const start = Effect.gen(function* () {
  const stage = yield* rehearse()
  const { adminUrl, database } = stage.installation
  yield* Effect.flatMap(Storage, (storage) =>
    storage.createAdminToken({ label: "night", hash: hashApiToken(ADMIN), createdAt: 0 })
  ).pipe(Effect.provide(SqliteStorage.layer(database)))
  yield* startService(stage.installation)
  const signedIn = yield* ask(adminUrl, "POST", "/console/api/session", {}, { token: ADMIN })
  const headers = { cookie: signedIn.cookie, "x-ens-console": String(signedIn.json["proof"]) }
  const call = (method: string, path: string, body?: unknown) =>
    ask(adminUrl, method, `/console/api/${path}`, headers, body)
  return { ...stage, adminUrl, call, signedIn }
})

describe("the console over a real socket", () => {
  it.scopedLive("shows a user's devices and does what its buttons say", () =>
    Effect.gen(function* () {
      const { adminUrl, call, cns, exchange, installation, phone, shown, signedIn } = yield* start
      expect(signedIn.status).toBe(200)
      expect((yield* ask(adminUrl, "GET", "/console", {})).text).toContain("ENS console")
      const iphone = yield* phone("iOS")
      yield* iphone.register()
      yield* within(
        exchange.until(() => exchange.deliveries().some(({ outcome }) => outcome === "OK")),
        "the first status event"
      )
      const id = userIdOfAddress(ALICE.address)
      const act = (action: string) => call("POST", `users/${id}/actions`, { tenant: "default", action })

      const tested = yield* act("test")
      expect(tested.json).toEqual({ done: true, says: "Test: device 1 (iOS): the gateway took it." })
      yield* within(
        cns.until(() => shown(iphone).length === 1),
        "the test notification"
      )
      expect(shown(iphone)[0]).toMatchObject({ kind: "alert", title: "Test from ENS" })
      expect((yield* act("test")).status).toBe(429)
      expect((yield* act("ask")).json).toMatchObject({ done: true })
      yield* within(
        cns.until(() => shown(iphone).length === 2),
        "the silent push"
      )

      const overview = Schema.decodeUnknownSync(Api.Overview)((yield* call("GET", "overview")).json)
      expect(overview.hosts).toMatchObject([{ host: new URL(exchange.url).host, up: true }])
      expect(overview.hosts[0]!.calls).toBeGreaterThan(0)
      expect(overview.gateways[0]).toMatchObject({ gateway: "cns", up: true })
      const [user] = Schema.decodeUnknownSync(Api.UserPage)((yield* call("GET", `users/${id}`)).json).users
      expect(user!.devices).toMatchObject([{ device: 1, platform: "iOS" }])
      // The history is written some seconds late.
      const page = yield* within(
        Effect.repeat(Effect.delay(call("GET", `users/${id}`), "100 millis"), {
          until: ({ text }) => text.includes("asked to register by console:night")
        }),
        "the history",
        20
      )

      const forgotten = yield* act("forget")
      expect(forgotten.json).toMatchObject({
        done: true,
        says: expect.stringContaining("Forgotten: 1 device is")
      })
      expect((yield* call("GET", `users/${id}`)).json).toEqual({ userId: id, users: [] })
      const audits = Schema.decodeUnknownSync(Api.Audits)((yield* call("GET", "audits")).json).audits
      expect(audits.map(({ action, outcome }) => [action, outcome])).toEqual([
        ["user.forget", "success"],
        ["user.ask", "success"],
        ["user.test", "failure"],
        ["user.test", "success"],
        ["console.sign-in", "success"]
      ])
      expect(audits.at(-1)).toMatchObject({ actor: "console:night", target: "127.0.0.1" })
      yield* eventually(() => installation.log().includes("user.forget"), "the log")
      for (const secret of [
        ADMIN,
        signedIn.cookie.slice(12),
        ALICE.address,
        ALICE.password,
        iphone.token()
      ]) {
        expect([secret, page.text.includes(secret), installation.log().includes(secret)]).toEqual([
          secret,
          false,
          false
        ])
      }
    })
  )

  it.scopedLive("cuts off a body that is too large, and a stranger's name", () =>
    Effect.gen(function* () {
      const { adminUrl, call } = yield* start
      expect((yield* call("PUT", "log-level", { level: "info", x: "x".repeat(70_000) })).status).toBe(413)
      const rebound = yield* ask(adminUrl, "GET", "/console/api/session", { host: "evil.example.com" })
      expect(rebound.status).toBe(421)
      expect((yield* call("PUT", "log-level", { level: "debug" })).json).toEqual({
        level: "debug",
        until: null
      })
    })
  )
})
