import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeExchange, type Scheme } from "../../../src/sandbox/Exchange.ts"
import { makeSeg } from "../../../src/sandbox/Seg.ts"
import { selfSigned } from "./support/Certificate.ts"
import { connectTo } from "./support/Connection.ts"
import { ALICE, basic, envelope, getFolderXml, inboxOf, PASSWORD } from "./support/SoapClient.ts"

const BODY = envelope(getFolderXml(inboxOf()), "Exchange2013")
const DEVICES = "x-aw-ens-devices"

const gateway = (offers: ReadonlyArray<Scheme> = ["basic"]) =>
  Effect.gen(function* () {
    const exchange = yield* makeExchange({ offers, mailboxes: [{ address: ALICE, password: PASSWORD }] })
    const seg = yield* makeSeg({ upstream: new URL(exchange.url).origin })
    const connection = yield* connectTo(seg.url)
    const ask = (devices: string | undefined, authorization = basic(ALICE, PASSWORD)) =>
      connection.post(BODY, {
        ...(authorization === "" ? {} : { authorization }),
        ...(devices === undefined ? {} : { [DEVICES]: devices })
      })
    return { exchange, seg, ask }
  })

describe("the gateway stand-in", () => {
  it.scopedLive("lets requests of devices pass, and names its transaction", () =>
    Effect.gen(function* () {
      const { ask, exchange, seg } = yield* gateway()
      const reply = yield* ask("phone-1")
      expect(reply.status).toBe(200)
      expect(reply.text).toContain("GetFolderResponse")
      expect(reply.headers["x-feserver"]).toBe("SANDBOX")
      expect(exchange.requests()[0]).toMatchObject({ operation: "GetFolder", user: ALICE })
      yield* seg.until(() => seg.requests().length === 1)
      expect(seg.requests()[0]).toMatchObject({
        devices: ["phone-1"],
        status: 200,
        passed: true,
        transactionId: reply.headers["x-aw-seg-transaction-id"]
      })
    })
  )

  it.scopedLive.each([
    ["notCompliant", 403],
    ["unknown", 400],
    ["policyNotLoaded", 204],
    ["notEnabled", 404]
  ] as const)("says %s with %d, and Exchange never hears of it", ([verdict, status]) =>
    Effect.gen(function* () {
      const { ask, exchange, seg } = yield* gateway()
      yield* seg.judge("phone-1", verdict)
      const reply = yield* ask("phone-1")
      expect(reply.status).toBe(status)
      expect(reply.headers["x-aw-seg-transaction-id"]).toBeDefined()
      expect(exchange.requests()).toEqual([])
      yield* seg.judge("phone-1", "allowed")
      expect((yield* ask("phone-1")).status).toBe(200)
    })
  )

  it.scopedLive("judges devices apart, needs one to be allowed, and refuses requests without any", () =>
    Effect.gen(function* () {
      const { ask, seg } = yield* gateway()
      yield* seg.judge("lost", "notCompliant")
      expect((yield* ask("lost, good")).status).toBe(200)
      expect((yield* ask("lost")).status).toBe(403)
      expect((yield* ask(undefined)).status).toBe(400)
      yield* seg.judge("all", "policyNotLoaded")
      expect((yield* ask("good")).status).toBe(204)
      const control = yield* connectTo(`${seg.controlUrl}/devices`)
      expect((yield* control.post('{"device":"good","verdict":"allowed"}')).status).toBe(200)
      expect((yield* ask("good")).status).toBe(200)
    })
  )

  it.scopedLive("takes NTLM out of what Exchange offers", () =>
    Effect.gen(function* () {
      const { ask } = yield* gateway(["negotiate", "ntlm", "basic"])
      const reply = yield* ask("phone-1", "")
      expect([reply.status, reply.offers]).toEqual([401, ['Basic realm="sandbox"']])
    })
  )

  it.scopedLive("answers 502 for an Exchange that is down, and reaches one over https", () =>
    Effect.gen(function* () {
      const { ask, exchange } = yield* gateway()
      yield* exchange.down
      expect((yield* ask("phone-1")).status).toBe(502)
      const tls = selfSigned()
      const secured = yield* makeExchange({ tls, mailboxes: [{ address: ALICE, password: PASSWORD }] })
      const seg = yield* makeSeg({ upstream: secured.url, upstreamCa: tls.cert, tls })
      const connection = yield* connectTo(seg.url, { ca: tls.cert })
      const reply = yield* connection.post(BODY, {
        authorization: basic(ALICE, PASSWORD),
        [DEVICES]: "phone-1"
      })
      expect(reply.status).toBe(200)
    })
  )
})
