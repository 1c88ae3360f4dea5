import { DatabaseSync } from "node:sqlite"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { call } from "../../src/sandbox/JsonClient.ts"
import type { Installation } from "../support/Installation.ts"
import { RawHttp } from "../support/RawHttp.ts"
import { startService } from "../support/ServiceFixture.ts"
import { isReady } from "../support/ServiceProcess.ts"
import { rehearse, within } from "./Rehearsal.ts"

describe("rubbish", () => {
  it.scopedLive("in requests of devices is answered as the contract says, and nothing is half stored", () =>
    Effect.gen(function* () {
      const { apiToken, cns, exchange, installation, mail, about, phone } = yield* rehearse()
      yield* startService(installation)
      const iphone = yield* phone("iOS")
      yield* iphone.getPublicKey
      const clean = contents(installation)
      const post = (endpoint: string, body: string, headers = {}) =>
        send(installation, "POST", endpoint, body, { ENSAPIToken: apiToken, ...headers })

      const good = {
        userId: iphone.userId,
        deviceToken: "t",
        deviceType: "iOS",
        bundleId: "b",
        authType: "Basic"
      }
      const payload = Buffer.alloc(256, 7).toString("base64")
      const registrations: ReadonlyArray<readonly [string, string, number, number]> = [
        ["empty", "", 400, 32],
        ["not JSON", "{userId:", 400, 32],
        ["truncated JSON", JSON.stringify({ ...good, payload }).slice(0, -3), 400, 32],
        ["a list", "[]", 400, 32],
        ["null", "null", 400, 32],
        ["a number", "1e999", 400, 32],
        ["deep nesting", "[".repeat(50_000), 400, 32],
        ["no fields", "{}", 400, 32],
        ["numbers for texts", JSON.stringify({ ...good, userId: 1, deviceToken: {}, payload: [] }), 400, 32],
        ["a user id that is none", JSON.stringify({ ...good, payload, userId: "zz" }), 400, 32],
        ["an unknown platform", JSON.stringify({ ...good, payload, deviceType: "Symbian" }), 400, 32],
        [
          "a policy that does not exist",
          JSON.stringify({ ...good, payload, policyLimitNotificationText: 7 }),
          400,
          32
        ],
        ["a bad URL", JSON.stringify({ ...good, payload, ewsUrl: "http://[" }), 400, 32],
        ["another scheme", JSON.stringify({ ...good, payload, ewsUrl: "file:///etc/passwd" }), 400, 32],
        ["an unknown auth type", JSON.stringify({ ...good, payload, authType: "Kerberos" }), 400, 36],
        ["an auth type that is no text", JSON.stringify({ ...good, payload, authType: 9 }), 400, 36],
        ["a payload that is not base64", JSON.stringify({ ...good, payload: "%%%" }), 400, 34],
        ["a payload of a wrong length", JSON.stringify({ ...good, payload: "AAAA" }), 400, 34],
        ["a payload of another key", JSON.stringify({ ...good, payload }), 400, 34],
        ["a user without a key", JSON.stringify({ ...good, payload, userId: "0".repeat(64) }), 400, 34],
        ["300 KB", JSON.stringify({ ...good, payload: "A".repeat(300 * 1024) }), 413, 32]
      ]
      for (const [what, body, status, responseCode] of registrations) {
        const answer = yield* post("registerdevicev2", body)
        expect({ status: answer.status, ...envelope(answer.text) }, what).toMatchObject({
          status,
          responseCode
        })
      }
      for (const endpoint of ["getpublickey", "getsubscriptionstatus", "updatedevicetoken", "unregister"]) {
        expect(envelope((yield* post(endpoint, "{")).text), endpoint).toMatchObject({ responseCode: 32 })
        const got = yield* send(installation, "GET", endpoint, undefined, { ENSAPIToken: apiToken })
        expect(got, `GET ${endpoint}`).toMatchObject({ status: 405 })
        expect(got.text).toContain("The requested resource does not support http method 'GET'.")
      }
      expect(yield* post("no/such/path", "{}")).toMatchObject({ status: 404 })
      expect(contents(installation)).toEqual(clean)
      expect(exchange.requests()).toEqual([])

      expect((yield* iphone.register()).responseCode).toBe(7)
      const item = yield* mail("After all that")
      yield* within(
        cns.until(() => about(iphone, item).length === 1),
        "a mail"
      )
      expect(yield* isReady(installation)).toBe(true)
    })
  )

  it.scopedLive("in callbacks costs Exchange no subscription and the service nothing", () =>
    Effect.gen(function* () {
      const { cns, exchange, installation, mail, about, phone } = yield* rehearse()
      yield* startService(installation)
      const iphone = yield* phone("iOS")
      yield* iphone.register()
      const url = exchange.subscriptions()[0]?.url ?? ""
      const post = (body: string) =>
        Effect.promise(() =>
          call(url, { method: "POST", body, headers: { "Content-Type": "text/xml" }, timeout: 10_000 })
        )
      const soap = (content: string, prolog = "") =>
        `${prolog}<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>${content}</s:Body></s:Envelope>`
      const bomb =
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' +
        Array.from(
          { length: 9 },
          (_, n) => `<!ENTITY ${"bcdefghij"[n]} "${`&${"abcdefghi"[n]};`.repeat(10)}">`
        ).join("") +
        "]>"
      const bodies: Readonly<Record<string, readonly [string, number]>> = {
        empty: ["", 400],
        JSON: ["{}", 400],
        "not well-formed": ["<s:Envelope", 400],
        "SOAP of something else": [soap("<hello/>"), 400],
        "a page": ["<!DOCTYPE html><html><body>Log in<br></body></html>", 400],
        "an entity bomb": [soap("&j;", bomb), 400],
        "an external entity": [soap("&x;", '<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]>'), 400],
        "deep nesting": ["<a>".repeat(60_000), 400],
        "2 MB": [soap(`<x>${"y".repeat(2 * 1024 * 1024)}</x>`), 413]
      }
      for (const [what, [body, status]] of Object.entries(bodies))
        expect((yield* post(body)).status, what).toBe(status)
      expect((yield* Effect.promise(() => call(url, { method: "GET", timeout: 10_000 }))).status).toBe(405)

      const { pathname, search } = new URL(url)
      const path = pathname + search
      const open = () => RawHttp.connect(installation.port)
      // Clients that hang up in the middle, say nothing, or close their side before they are answered.
      const half = yield* Effect.promise(open)
      half.write(`POST ${path} HTTP/1.1\r\nHost: ens\r\nContent-Length: 1000\r\n\r\n<s:Env`)
      const silent = yield* Effect.promise(open)
      const headless = yield* Effect.promise(open)
      headless.write("POST /MailNotif")
      const nonsense = yield* Effect.promise(open)
      nonsense.write("\u0016\u0003\u0001\r\n\r\n")
      expect((yield* Effect.promise(() => nonsense.ended())).slice(0, 12)).toBe("HTTP/1.1 400")
      half.destroy()
      const item = yield* mail("In spite of them")
      yield* within(
        cns.until(() => about(iphone, item).length === 1),
        "a mail"
      )
      silent.destroy()
      headless.destroy()
      expect(exchange.subscriptions().map(({ state }) => state)).toEqual(["Active"])
      expect(yield* isReady(installation)).toBe(true)
      expect(installation.logLines().filter(({ level }) => level === "error")).toEqual([])
    })
  )
})

const send = (
  { baseUrl }: Installation,
  method: "GET" | "POST",
  endpoint: string,
  body: string | undefined,
  headers: Readonly<Record<string, string>>
) =>
  Effect.promise(() =>
    call(`${baseUrl}/${endpoint}`, {
      method,
      headers: { "Content-Type": "application/json", ...headers },
      ...(body === undefined ? {} : { body }),
      timeout: 10_000
    })
  )

const envelope = (text: string): { readonly responseCode?: number } =>
  text.startsWith("{") ? JSON.parse(text) : {}

/** How many rows each table has that knows of users. */
const contents = ({ database }: Installation): Readonly<Record<string, unknown>> => {
  const open = new DatabaseSync(database, { readOnly: true })
  try {
    const tables = open.prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").all()
    return Object.fromEntries(
      tables
        .map(({ name }) => String(name))
        .filter((name) => !/pool|^sqlite_/i.test(name))
        .map((name) => [name, open.prepare(`SELECT count(*) AS rows FROM "${name}"`).get()?.["rows"]])
    )
  } finally {
    open.close()
  }
}
