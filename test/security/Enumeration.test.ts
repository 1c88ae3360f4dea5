import { randomBytes } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as SqliteStorage from "../../layers/storage/SqliteStorage.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { encryptPayload } from "../../src/sandbox/DevicePayload.ts"
import { ALICE, MALLORY, type Rehearsal, within } from "../e2e/Rehearsal.ts"
import { startService } from "../support/ServiceFixture.ts"
import { besieged, callBack, makeClient, newToken, post, registrationBody, userIdOf } from "./Attack.ts"

const ENDPOINTS = [
  "getpublickey",
  "registerdevicev2",
  "getsubscriptionstatus",
  "updatedevicetoken",
  "unregister"
]

/** One body that every endpoint takes. */
const bodyFor = (userId: string, deviceToken: string, payload: string) => ({
  ...registrationBody({ userId, deviceToken, payload }),
  oldDeviceToken: deviceToken,
  newDeviceToken: `${deviceToken}-new`
})

const NOBODY = userIdOf("nobody@wonderland.example")

/** Alice has an iPhone in the tenant `default`; there is another tenant, `other`, at the same Exchange. */
const inhabited = Effect.fnUntraced(function* () {
  const world: Rehearsal & { readonly masterKey: Buffer } = yield* besieged(12)
  const { exchange, installation } = world
  const otherToken = yield* installation.createToken(exchange.url, "other")
  yield* startService(installation)
  const iphone = yield* world.phone("iOS")
  expect((yield* iphone.register()).responseCode).toBe(7)
  const ours = makeClient(installation, world.apiToken)
  const other = makeClient(installation, otherToken)
  return { ...world, iphone, other, otherToken, ours }
})

describe("who has no token that is good", () => {
  it.scopedLive("cannot tell a user who is known from one who is not, by any endpoint", () =>
    Effect.gen(function* () {
      const { apiToken, installation, iphone } = yield* inhabited()
      const tokens: Readonly<Record<string, Readonly<Record<string, string>>>> = {
        none: {},
        empty: { ENSAPIToken: "" },
        wrong: { ENSAPIToken: `${apiToken.slice(0, -1)}_` },
        "too long": { ENSAPIToken: "x".repeat(4000) },
        "in another header": { authorization: `Bearer ${apiToken}` }
      }
      // At once: who shows an unknown token waits for a second, together with all others who do.
      yield* Effect.forEach(
        ENDPOINTS.flatMap((endpoint) => Object.entries(tokens).map((token) => [endpoint, ...token] as const)),
        ([endpoint, what, headers]) =>
          Effect.gen(function* () {
            const answers = yield* Effect.forEach(
              [iphone.userId, NOBODY, iphone.userId.toUpperCase(), "no hash at all"],
              (userId) =>
                post(`${installation.baseUrl}/${endpoint}`, bodyFor(userId, iphone.token(), "AAAA"), headers),
              { concurrency: "unbounded" }
            )
            for (const answer of answers) expect(answer, `${endpoint}, token ${what}`).toEqual(answers[0])
            expect(answers[0]?.code).toBe(23)
          }),
        { concurrency: "unbounded", discard: true }
      )
      // Not one of them made or changed anything.
      expect((yield* iphone.status).responseCode).toBe(6)
    })
  )

  it.scopedLive.each(["revoked", "ended"])("nor can one whose token has been %s", (how) =>
    Effect.gen(function* () {
      const { apiToken, installation, iphone, otherToken } = yield* inhabited()
      yield* Effect.gen(function* () {
        const storage = yield* Storage
        const tokens = yield* storage.listTokens
        if (how === "revoked") for (const { id } of tokens) yield* storage.revokeToken(id)
        else {
          const until = Date.now()
          for (const { id } of tokens)
            yield* storage.rotateToken(id, { hash: randomBytes(32), createdAt: until, until })
        }
      }).pipe(Effect.provide(SqliteStorage.layer(installation.database)))
      // The service looks every 20 seconds, or when somebody shows a token that it does not know.
      const ask = (token: string, userId: string) =>
        post(`${installation.baseUrl}/getsubscriptionstatus`, { userId }, { ENSAPIToken: token })
      yield* ask("another, which nobody knows", NOBODY)
      for (const token of [apiToken, otherToken]) {
        const known = yield* ask(token, iphone.userId)
        expect(known.code).toBe(23)
        expect(yield* ask(token, NOBODY)).toEqual(known)
        expect(yield* ask("another, which nobody knows", NOBODY)).toEqual(known)
      }
    })
  )
})

describe("who has the token of another tenant", () => {
  it.scopedLive("gets the same answers, whether a user is known in ours or in none", () =>
    Effect.gen(function* () {
      const { installation, iphone, other, ours } = yield* inhabited()
      const hers = iphone.token()
      const key = yield* ours.keyOf(iphone.userId)
      const login = { emailAddress: ALICE.address, username: MALLORY.address, password: MALLORY.password }
      for (const payload of [encryptPayload(key, login), "AAAA", Buffer.alloc(256, 7).toString("base64")]) {
        for (const endpoint of ENDPOINTS.filter((one) => one !== "getpublickey")) {
          const known = yield* other.send(endpoint, bodyFor(iphone.userId, hers, payload))
          const unknown = yield* other.send(endpoint, bodyFor(NOBODY, hers, payload))
          expect(known, endpoint).toEqual(unknown)
          expect(known.status, endpoint).toBeGreaterThanOrEqual(400)
        }
      }
      // A key of its own, of the same form as one for somebody who is nowhere known.
      const theirs = yield* other.send("getpublickey", { userId: iphone.userId })
      const nobodys = yield* other.send("getpublickey", { userId: NOBODY })
      expect({ ...theirs, text: "", json: {} }).toEqual({ ...nobodys, text: "", json: {} })
      expect(Object.keys(theirs.json)).toEqual(Object.keys(nobodys.json))
      expect(theirs.text).toHaveLength(nobodys.text.length)
      expect(theirs.json["publicKey"]).not.toBe(key)
      expect(yield* ours.keyOf(iphone.userId)).toBe(key)
      // Known by its key there, and still alike, in each endpoint.
      for (const endpoint of ENDPOINTS.filter((one) => one !== "getpublickey")) {
        const known = yield* other.send(endpoint, bodyFor(iphone.userId, hers, encryptPayload(key, login)))
        const unknown = yield* other.send(endpoint, bodyFor(NOBODY, hers, encryptPayload(key, login)))
        expect(known, endpoint).toEqual(unknown)
      }
      expect((yield* iphone.status).responseCode).toBe(6)
      expect(installation.log()).not.toContain(hers)
    })
  )

  it.scopedLive("neither reads nor changes what the same address, token and callback URL are in ours", () =>
    Effect.gen(function* () {
      const world = yield* inhabited()
      const { about, cns, exchange, installation, iphone, mail, otherToken, phone } = world
      const twin = yield* phone("iOS", { apiToken: otherToken, deviceToken: iphone.token() })
      expect(yield* twin.status).toMatchObject({ responseCode: 28 })
      expect((yield* twin.unregister).responseCode).toBe(28)
      expect((yield* twin.updateToken(newToken())).responseCode).toBe(9)
      // Alice herself is in both; her second self has her own subscription, key and device.
      expect((yield* twin.register()).responseCode).toBe(7)
      const [first, second] = exchange.subscriptions()
      expect(first?.state).not.toBe("Unsubscribed")
      const [ours, theirs] = [new URL(first?.url ?? ""), new URL(second?.url ?? "")]
      for (const [from, to] of [
        [ours, theirs],
        [theirs, ours]
      ] as const) {
        const mixed = [
          { id: to.searchParams.get("id") },
          { f: to.searchParams.get("f") },
          { s: to.searchParams.get("s") },
          { id: to.searchParams.get("id"), s: to.searchParams.get("s") }
        ]
        for (const parts of mixed) {
          const url = new URL(from)
          for (const [name, value] of Object.entries(parts)) url.searchParams.set(name, value ?? "")
          const answer = yield* callBack(url.href, "AAMk-mixed", first?.id ?? "")
          expect(answer.text).toContain("Unsubscribe")
        }
      }
      expect(cns.received()).toEqual([])
      // The twin goes, and so does all that is its own and nothing else.
      expect((yield* twin.updateToken(newToken())).responseCode).toBe(3)
      expect((yield* twin.unregister).responseCode).toBe(24)
      expect((yield* twin.status).responseCode).toBe(28)
      expect((yield* iphone.status).responseCode).toBe(6)
      // Of one tenant's URL the subscription id of the other makes nothing.
      expect((yield* callBack(theirs.href, "AAMk-gone", first?.id ?? "")).text).toContain("Unsubscribe")
      const item = yield* mail("For ours")
      yield* within(
        cns.until(() => about(iphone, item).length === 1),
        "the mail"
      )
      expect(new Set(cns.received().map(({ deviceToken }) => deviceToken))).toEqual(new Set([iphone.token()]))
      expect(installation.log()).not.toContain(ALICE.address)
    })
  )
})
