import { describe, expect, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { type ExchangeOptions, type ExchangeStandIn, makeExchange } from "../../../src/sandbox/Exchange.ts"
import type { CannotListen } from "../../../src/sandbox/Listener.ts"
import { texts } from "./support/CallbackListener.ts"
import {
  ALICE,
  basic,
  codes,
  ews,
  getFolderXml,
  getItemXml,
  inboxOf,
  PASSWORD,
  subscribeXml
} from "./support/SoapClient.ts"

const BOB = "bob@corp.example"
const MAILBOXES = [
  { address: ALICE, password: PASSWORD, displayName: "Alice", tokens: ["token-1"] },
  { address: BOB, password: "bobs" }
]
const LISTENER = "http://127.0.0.1:9/never"

const exchangeWith = (
  options: ExchangeOptions = {}
): Effect.Effect<ExchangeStandIn, CannotListen, Scope.Scope> =>
  makeExchange({ mailboxes: MAILBOXES, firstCallback: "none", ...options })

describe("log-in", () => {
  it.scopedLive("takes address, DOMAIN\\user, bare user name and bearer token", () =>
    Effect.gen(function* () {
      const exchange = yield* exchangeWith()
      for (const authorization of [
        basic(ALICE, PASSWORD),
        basic("ALICE@corp.example", PASSWORD),
        basic("CORP\\Alice", PASSWORD),
        basic("alice", PASSWORD),
        "Bearer token-1"
      ])
        expect((yield* ews(exchange, getFolderXml(inboxOf()), { authorization })).status).toBe(200)
      expect(exchange.logins()).toEqual({ ok: 5, failed: 0, anonymous: 0 })
    })
  )

  it.scopedLive(
    "refuses everything else with 401 and offers its schemes, and counts whose log-in failed",
    () =>
      Effect.gen(function* () {
        const exchange = yield* exchangeWith()
        for (const authorization of [
          basic(ALICE, "wrong"),
          basic("OTHER\\alice", PASSWORD),
          basic("nobody@corp.example", PASSWORD),
          "Bearer token-2",
          "Negotiate YII="
        ]) {
          const answer = yield* ews(exchange, getFolderXml(inboxOf()), { authorization })
          expect(answer.status).toBe(401)
          expect(answer.headers.get("www-authenticate")).toContain('Basic realm="sandbox"')
        }
        expect((yield* ews(exchange, getFolderXml(inboxOf()), { authorization: "" })).status).toBe(401)
        expect(exchange.logins()).toEqual({ ok: 0, failed: 5, anonymous: 1 })
        expect(exchange.failedLogins(ALICE)).toBe(1)
      })
  )

  it.scopedLive("follows a changed password and revoked tokens", () =>
    Effect.gen(function* () {
      const exchange = yield* exchangeWith()
      yield* exchange.setPassword(ALICE, "new")
      yield* exchange.setTokens(ALICE, [])
      const status = (authorization: string) =>
        ews(exchange, getFolderXml(inboxOf()), { authorization }).pipe(Effect.map((answer) => answer.status))
      expect(yield* status(basic(ALICE, PASSWORD))).toBe(401)
      expect(yield* status("Bearer token-1")).toBe(401)
      expect(yield* status(basic(ALICE, "new"))).toBe(200)
    })
  )
})

describe("whose mailbox", () => {
  it.scopedLive("lets only the owner subscribe to an Inbox, even if a delegate may read it", () =>
    Effect.gen(function* () {
      const exchange = yield* exchangeWith()
      const bobs = inboxOf(BOB)
      const subscribe = ews(exchange, subscribeXml(LISTENER, { folder: bobs })).pipe(Effect.map(codes))
      const read = ews(exchange, getFolderXml(bobs)).pipe(Effect.map(codes))
      expect(yield* subscribe).toEqual(["ErrorAccessDenied"])
      expect(yield* read).toEqual(["ErrorAccessDenied"])
      yield* exchange.allowDelegate(BOB, ALICE)
      expect(yield* subscribe).toEqual(["ErrorSubscriptionDelegateAccessNotSupported"])
      expect(yield* read).toEqual(["NoError"])
      expect(exchange.subscriptions()).toEqual([])
    })
  )

  it.scopedLive("gives an id that stays, and is another one for each mailbox", () =>
    Effect.gen(function* () {
      const exchange = yield* exchangeWith()
      const idOf = (authorization: string) =>
        ews(exchange, getFolderXml(inboxOf(), "IdOnly"), { authorization }).pipe(
          Effect.map((answer) => /FolderId Id="([^"]+)"/.exec(answer.text)?.[1])
        )
      const alices = yield* idOf(basic(ALICE, PASSWORD))
      expect(yield* idOf(basic(ALICE, PASSWORD))).toBe(alices)
      expect(yield* idOf(basic(BOB, "bobs"))).not.toBe(alices)
      expect(codes(yield* ews(exchange, getFolderXml(`<t:FolderId Id="${alices}"/>`)))).toEqual(["NoError"])
    })
  )

  it.scopedLive("says which address, folder or id is wrong, each in its own response message", () =>
    Effect.gen(function* () {
      const exchange = yield* exchangeWith()
      const bobs = yield* exchange.deliver({ to: BOB, from: ALICE, subject: "s", body: "b" })
      const folders = `${inboxOf("no@corp.example")}<t:DistinguishedFolderId Id="calendar"/><t:FolderId Id="x"/>${inboxOf()}`
      expect(codes(yield* ews(exchange, getFolderXml(folders)))).toEqual([
        "ErrorNonExistentMailbox",
        "ErrorFolderNotFound",
        "ErrorInvalidIdMalformed",
        "NoError"
      ])
      expect(codes(yield* ews(exchange, getItemXml([bobs, "x"], [])))).toEqual([
        "ErrorAccessDenied",
        "ErrorInvalidIdMalformed"
      ])
    })
  )
})

describe("mails", () => {
  it.scopedLive("come with the properties that were asked for and no others", () =>
    Effect.gen(function* () {
      const exchange = yield* exchangeWith()
      const first = yield* exchange.deliver({
        to: ALICE,
        from: "bob@corp.example",
        fromName: 'Bob "B" <&>',
        subject: "a < b & c",
        body: `line one\nline two ${"x".repeat(300)}`
      })
      const second = yield* exchange.deliver({ to: ALICE, from: "c@corp.example", subject: "", body: "" })
      yield* exchange.delete(ALICE, second)
      const answer = yield* ews(
        exchange,
        getItemXml([first, second], ["message:From", "item:Preview", "message:IsRead", "item:ParentFolderId"])
      )
      expect(codes(answer)).toEqual(["NoError", "ErrorItemNotFound"])
      expect(texts(answer.text, "Name")).toEqual(["Bob &quot;B&quot; &lt;&amp;&gt;"])
      expect(texts(answer.text, "EmailAddress")).toEqual(["bob@corp.example"])
      expect(texts(answer.text, "Preview")[0]).toMatch(/^line one line two x+$/)
      expect(texts(answer.text, "Preview")[0]).toHaveLength(255)
      expect(texts(answer.text, "IsRead")).toEqual(["false"])
      expect(answer.text).not.toContain("<t:Subject>")
      expect(answer.text).not.toContain("<t:Body")
    })
  )

  it.scopedLive("have no Preview for a request of an older version", () =>
    Effect.gen(function* () {
      const exchange = yield* exchangeWith()
      const id = yield* exchange.deliver({ to: ALICE, from: BOB, subject: "s", body: "b" })
      const ask = (version: string, fields: ReadonlyArray<string>) =>
        ews(exchange, getItemXml([id], fields), { version }).pipe(Effect.map(codes))
      expect(yield* ask("Exchange2010_SP2", ["item:Preview"])).toEqual(["ErrorInvalidPropertyRequest"])
      expect(yield* ask("Exchange2010_SP2", ["item:Subject"])).toEqual(["NoError"])
      expect(yield* ask("Exchange2013", ["item:Preview"])).toEqual(["NoError"])
    })
  )

  it.scopedLive("change the unread count, and get another id when they move", () =>
    Effect.gen(function* () {
      const exchange = yield* exchangeWith()
      const unread = ews(exchange, getFolderXml(inboxOf())).pipe(
        Effect.map((answer) => texts(answer.text, "UnreadCount")[0])
      )
      const id = yield* exchange.deliver({ to: ALICE, from: BOB, subject: "s", body: "b" })
      yield* exchange.deliver({ to: ALICE, from: BOB, subject: "t", body: "b" })
      expect(yield* unread).toBe("2")
      expect(yield* exchange.markRead(ALICE, id)).toBe(true)
      expect(yield* unread).toBe("1")
      const moved = yield* exchange.move(ALICE, id, "deleteditems")
      expect(moved).not.toBe(id)
      expect(codes(yield* ews(exchange, getItemXml([id, moved ?? ""], [])))).toEqual([
        "ErrorItemNotFound",
        "NoError"
      ])
      expect(yield* exchange.markRead(ALICE, id)).toBe(false)
    })
  )
})

describe("what is wrong with a request", () => {
  it.scopedLive("is told as a SOAP fault", () =>
    Effect.gen(function* () {
      const exchange = yield* exchangeWith()
      const faultOf = (body: string, login = {}) =>
        ews(exchange, body, login).pipe(Effect.map((answer) => [answer.status, ...codes(answer)]))
      expect(yield* faultOf("")).toEqual([500, "ErrorSchemaValidation"])
      expect(yield* faultOf("<unclosed>")).toEqual([500, "ErrorSchemaValidation"])
      expect(yield* faultOf("<m:MakeCoffee/>")).toEqual([500, "ErrorInvalidOperation"])
      expect(yield* faultOf(getFolderXml(inboxOf()), { version: "Exchange2099" })).toEqual([
        500,
        "ErrorInvalidServerVersion"
      ])
      const impersonation =
        "<t:ExchangeImpersonation><t:ConnectingSID><t:PrimarySmtpAddress>bob@corp.example</t:PrimarySmtpAddress></t:ConnectingSID></t:ExchangeImpersonation>"
      expect(yield* faultOf(getFolderXml(inboxOf()), { soapHeader: impersonation })).toEqual([
        500,
        "ErrorImpersonateUserDenied"
      ])
    })
  )

  it.scopedLive("is seen as strictly as by Exchange in a push subscription", () =>
    Effect.gen(function* () {
      const exchange = yield* exchangeWith({ maxSubscriptions: 1 })
      const subscribe = (xml: string) => ews(exchange, xml).pipe(Effect.map(codes))
      const good = subscribeXml(LISTENER)
      const schema = ["ErrorSchemaValidation"]
      expect(yield* subscribe(good.replaceAll("t:StatusFrequency", "m:StatusFrequency"))).toEqual(schema)
      expect(yield* subscribe(good.replace(/<t:StatusFrequency>.*<\/t:StatusFrequency>/, ""))).toEqual(schema)
      expect(yield* subscribe(good.replace(/(<t:Status.*Frequency>)(<t:URL>.*<\/t:URL>)/, "$2$1"))).toEqual(
        schema
      )
      expect(yield* subscribe(subscribeXml(LISTENER, { frequency: 1441 }))).toEqual(schema)
      expect(yield* subscribe(subscribeXml(LISTENER, { events: ["StatusEvent"] }))).toEqual(schema)
      const badUrl = ["ErrorInvalidPushSubscriptionUrl"]
      expect(yield* subscribe(subscribeXml("ftp://host/"))).toEqual(badUrl)
      expect(yield* subscribe(subscribeXml(`http://host/${"x".repeat(2083)}`))).toEqual(badUrl)
      expect(yield* subscribe(subscribeXml(LISTENER, { watermark: "AQAA" }))).toEqual([
        "ErrorInvalidWatermark"
      ])
      expect(yield* subscribe(good)).toEqual(["NoError"])
      expect(yield* subscribe(good)).toEqual(["ErrorExceededSubscriptionCount"])
    })
  )
})

describe("scripted trouble", () => {
  it.scopedLive("comes in every form that Exchange has, for whom and as often as scripted", () =>
    Effect.gen(function* () {
      const exchange = yield* exchangeWith()
      const folder = ews(exchange, getFolderXml(inboxOf()))
      yield* exchange.addFault({ kind: "busy", backOffMilliseconds: 297749, times: 1 })
      yield* exchange.addFault({ kind: "busy", form: "response", backOffMilliseconds: 5, times: 1 })
      yield* exchange.addFault({ kind: "status", status: 503, times: 1 })
      yield* exchange.addFault({ kind: "status", status: 403, operation: "GetItem" })
      yield* exchange.addFault({ kind: "unauthorized", user: ALICE, times: 1 })
      yield* exchange.addFault({ kind: "error", responseCode: "ErrorMailboxMoveInProgress", times: 1 })
      yield* exchange.addFault({ kind: "page", times: 1 })
      yield* exchange.addFault({ kind: "status", status: 500, user: BOB })

      const fault = yield* folder
      expect([fault.status, ...codes(fault)]).toEqual([500, "ErrorServerBusy"])
      expect(fault.text).toContain(
        '<t:Value xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types" Name="BackOffMilliseconds">297749<'
      )
      const answer = yield* folder
      expect([answer.status, ...codes(answer)]).toEqual([200, "ErrorServerBusy"])
      expect(texts(answer.text, "Value")).toEqual(["5"])
      expect((yield* folder).status).toBe(503)
      expect((yield* folder).status).toBe(401)
      expect(codes(yield* folder)).toEqual(["ErrorMailboxMoveInProgress"])
      const page = yield* folder
      expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html"])
      expect(codes(yield* folder)).toEqual(["NoError"])
      expect((yield* ews(exchange, getItemXml(["x"], []))).status).toBe(403)
      yield* exchange.clearFaults
      expect((yield* ews(exchange, getItemXml(["x"], []))).status).toBe(200)
      expect(exchange.failedLogins(ALICE)).toBe(1)
      expect(exchange.operations()).toEqual({ GetFolder: 7, GetItem: 2 })
    })
  )

  it.scopedLive("cuts the connection after the work was done", () =>
    Effect.gen(function* () {
      const exchange = yield* exchangeWith()
      yield* exchange.addFault({ kind: "cut", operation: "Subscribe", times: 1 })
      const answer = yield* ews(exchange, subscribeXml(LISTENER))
      expect(answer.status).toBe(0)
      expect(exchange.subscriptions().map((one) => one.state)).toEqual(["Active"])
      expect(exchange.requests().map((one) => one.status)).toEqual([0])
    })
  )

  it.scopedLive("delays, refuses connections, and comes back on the same port", () =>
    Effect.gen(function* () {
      const exchange = yield* exchangeWith()
      const folder = ews(exchange, getFolderXml(inboxOf()))
      yield* exchange.addFault({ kind: "slow", milliseconds: 30, times: 1 })
      const began = performance.now()
      expect((yield* folder).status).toBe(200)
      expect(performance.now() - began).toBeGreaterThan(25)
      yield* exchange.down
      expect((yield* folder).status).toBe(0)
      yield* exchange.up
      expect((yield* folder).status).toBe(200)
    })
  )
})

describe("the control interface", () => {
  it.scopedLive("does over HTTP what the object does", () =>
    Effect.gen(function* () {
      const exchange = yield* exchangeWith()
      const post = (name: string, body: unknown) =>
        Effect.promise(async () => {
          const response = await fetch(`${exchange.controlUrl}/${name}`, {
            method: "POST",
            body: JSON.stringify(body)
          })
          return { status: response.status, body: (await response.json()) as Record<string, unknown> }
        })
      const carol = "carol@corp.example"
      expect(yield* post("mailboxes", { address: carol, password: "p" })).toEqual({
        status: 200,
        body: { done: true }
      })
      const mail = yield* post("mail", { to: carol, from: BOB, subject: "s", body: "b" })
      expect(exchange.unread(carol)).toBe(1)
      expect(yield* post("read", { to: carol, itemId: mail.body["itemId"] })).toEqual({
        status: 200,
        body: { found: true }
      })
      expect(exchange.unread(carol)).toBe(0)
      expect((yield* post("read", { to: carol, itemId: "x" })).body).toEqual({ found: false })
      expect((yield* post("mail", { to: "no@corp.example", from: BOB })).status).toBe(404)
      expect((yield* post("mail", { to: carol })).status).toBe(400)
      expect((yield* post("faults", { kind: "sunshine" })).status).toBe(400)
      expect((yield* post("faults", { kind: "status", status: 503, times: 1 })).status).toBe(200)
      expect((yield* ews(exchange, getFolderXml(inboxOf()))).status).toBe(503)
      const state = yield* Effect.promise(() =>
        fetch(`${exchange.controlUrl}/state`).then((response) => response.json())
      )
      expect(state).toMatchObject({ operations: { GetFolder: 1 }, subscriptions: [], deliveries: [] })
    })
  )

  it.scopedLive("keeps what clients sent, but not their log-ins", () =>
    Effect.gen(function* () {
      const exchange = yield* exchangeWith()
      const headers = { "client-request-id": "abc", "return-client-request-id": "true" }
      const answer = yield* ews(exchange, getFolderXml(inboxOf()), { headers })
      expect(answer.headers.get("client-request-id")).toBe("abc")
      const [request] = exchange.requests()
      expect(request).toMatchObject({ operation: "GetFolder", user: ALICE, scheme: "Basic", status: 200 })
      expect(request?.headers["client-request-id"]).toBe("abc")
      expect(request?.body).toContain("<m:GetFolder>")
      expect(JSON.stringify(exchange.requests())).not.toContain(basic(ALICE, PASSWORD).slice(6))
    })
  )
})

it.live("closing the scope lets nothing run on", () =>
  Effect.gen(function* () {
    const url = yield* exchangeWith({ minute: 1 }).pipe(
      Effect.flatMap((exchange) =>
        ews(exchange, subscribeXml(LISTENER, { frequency: 1 })).pipe(Effect.as(exchange.url))
      ),
      Effect.scoped
    )
    const refused = yield* Effect.promise(() =>
      fetch(url).then(
        () => "answered",
        () => "refused"
      )
    )
    expect(refused).toBe("refused")
  })
)
