import { createServer } from "node:net"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { freePorts } from "../../src/demo/FreePorts.ts"
import type { DeviceStandIn } from "../../src/sandbox/Device.ts"
import { startService } from "../support/ServiceFixture.ts"
import { ALICE, MALLORY, type Rehearsal, rehearse, within } from "./Rehearsal.ts"

const VICTIMS = ["ada", "bea", "cleo", "dora", "eve"].map((name) => ({
  address: `${name}@wonderland.example`,
  password: `password of ${name}`
}))

type Step = "victim registers" | "delegate" | keyof typeof attacks

/** Everything that a phone can try which has the tenant's token, knows the victim's address and has its own log-in. */
const attacks = {
  "own log-in": (phone) => phone.register(),
  "own log-in, by force": (phone) => phone.register({ forceSubscription: true }),
  "own address": (phone) => phone.register({ payload: { emailAddress: MALLORY.address } }),
  "wrong password": (phone) => phone.register({ payload: { password: "a guess" } }),
  "token of the victim, policy 4": (phone, victim) =>
    phone.register({ policy: 4, fields: { deviceToken: victim.token() } }),
  "takes over the push token": (phone, victim) =>
    phone.post("updatedevicetoken", {
      userId: phone.userId,
      oldDeviceToken: phone.token(),
      newDeviceToken: victim.token()
    }),
  unregister: (phone) => phone.unregister,
  status: (phone) => phone.status
} satisfies Record<string, (phone: DeviceStandIn, victim: DeviceStandIn) => DeviceStandIn["status"]>

const ORDERS: ReadonlyArray<ReadonlyArray<Step>> = [
  ["own log-in", "own log-in, by force", "own address", "victim registers", "status"],
  ["victim registers", "own log-in", "own log-in, by force", "token of the victim, policy 4", "unregister"],
  [
    "victim registers",
    "delegate",
    "own log-in",
    "own log-in, by force",
    "takes over the push token",
    "status"
  ],
  ["delegate", "own log-in, by force", "own log-in", "victim registers", "own log-in", "own address"],
  [
    "wrong password",
    "victim registers",
    "unregister",
    "own address",
    "wrong password",
    "own log-in, by force"
  ]
]

describe("a mailbox belongs to who can open it", () => {
  it.scopedLive(
    "a phone with the tenant's token and another user's log-in gets not one byte, in any order of calls",
    () =>
      Effect.gen(function* () {
        const all = yield* rehearse({ exchange: { mailboxes: [MALLORY, ...VICTIMS] } })
        yield* startService(all.installation)
        for (const [index, order] of ORDERS.entries()) yield* play(all, VICTIMS[index] ?? ALICE, order)
        const foreign = all.exchange
          .requests()
          .filter(({ operation, user }) => operation === "GetItem" && user === MALLORY.address)
        expect(foreign).toEqual([])
      })
  )

  it.scopedLive("a phone cannot choose the server that its log-in goes to", () =>
    Effect.gen(function* () {
      const { exchange, installation, phone } = yield* rehearse()
      yield* startService(installation)
      const trap = yield* countConnections
      // Another address of this machine: of a listed host every port is allowed, and all else is not.
      const evil = `http://127.0.0.2:${trap.port}/EWS/Exchange.asmx`
      const iphone = yield* phone("iOS", { ewsUrl: evil })
      expect(yield* iphone.register()).toMatchObject({ status: 409, responseCode: 35 })
      expect(yield* iphone.register({ forceSubscription: true, payload: { ewsUrl: evil } })).toMatchObject({
        responseCode: 35
      })
      const spellings = [
        evil.replace("127.0.0.2", "localhost"),
        evil.replace("127.0.0.2", "[::1]"),
        evil.replace("127.0.0.2", "[::ffff:127.0.0.2]"),
        evil.replace("127.0.0.2", "2130706434"),
        evil.replace("http:", "https:"),
        exchange.url.replace("http://", "http://user:secret@"),
        exchange.url.replace("/EWS", `@127.0.0.2:${trap.port}/EWS`)
      ]
      for (const ewsUrl of spellings)
        expect((yield* iphone.register({ fields: { ewsUrl } })).responseCode, ewsUrl).toSatisfy(
          (code: number) => code === 35 || code === 32
        )
      // With a good registration in place nothing changes.
      const good = yield* phone("iOS")
      expect((yield* good.register()).responseCode).toBe(7)
      expect(yield* good.register({ fields: { ewsUrl: evil } })).toMatchObject({ responseCode: 35 })
      expect(
        yield* good.post("unregister", { userId: good.userId, deviceToken: "none", ewsUrl: evil })
      ).toMatchObject({
        responseCode: 26
      })
      expect(trap.connections()).toBe(0)
    })
  )

  it.scopedLive("a tenant's token opens nothing of another tenant", () =>
    Effect.gen(function* () {
      const { about, cns, exchange, installation, mail, phone } = yield* rehearse()
      const other = yield* installation.createToken(exchange.url, "other")
      yield* startService(installation)
      const mine = yield* phone("iOS")
      expect((yield* mine.register()).responseCode).toBe(7)

      const nosy = yield* phone("iOS", { apiToken: other, deviceToken: mine.token() })
      expect(yield* nosy.status).toMatchObject({ status: 404, responseCode: 28 })
      expect(yield* nosy.unregister).toMatchObject({ status: 404, responseCode: 28 })
      expect((yield* nosy.updateToken("e".repeat(64))).responseCode).toBe(9)
      const [here, there] = [yield* mine.getPublicKey, yield* nosy.getPublicKey]
      expect(here.publicKey).not.toBe(there.publicKey)

      const stranger = yield* phone("iOS", {
        apiToken: other,
        login: { username: MALLORY.address, password: MALLORY.password }
      })
      expect((yield* stranger.register()).responseCode).toBe(14)
      const unknown = yield* phone("iOS", { apiToken: "no such token" })
      for (const call of [unknown.register(), unknown.status, unknown.unregister])
        expect(yield* call).toMatchObject({ status: 401, responseCode: 23 })

      const item = yield* mail("For one tenant")
      yield* within(
        cns.until(() => about(mine, item).length === 1),
        "the mail"
      )
      expect(cns.received()).toHaveLength(1)
      // The address itself may be a user of both: two users, each with phones of its own.
      const owner = yield* phone("Android", { apiToken: other })
      expect((yield* owner.register()).responseCode).toBe(7)
      const second = yield* mail("For both")
      yield* within(
        cns.until(() => about(mine, second).length === 1 && about(owner, second).length === 1),
        "the mail of both"
      )
      expect((yield* owner.unregister).responseCode).toBe(24)
      expect((yield* mine.status).responseCode).toBe(6)
    })
  )
})

/** The steps in their order, then a mail: the victim gets it as it wants, the other phone nothing. */
const play = (
  { apiToken: _, about, cns, exchange, mail, phone, shown, taken }: Rehearsal,
  user: typeof ALICE,
  order: ReadonlyArray<Step>
) =>
  Effect.gen(function* () {
    const victim = yield* phone("iOS", { user })
    const thief = yield* phone("iOS", {
      user,
      login: { username: MALLORY.address, password: MALLORY.password }
    })
    for (const step of order) {
      if (step === "delegate") yield* exchange.allowDelegate(user.address, MALLORY.address)
      else if (step === "victim registers")
        expect(yield* victim.register(), `${order}`).toMatchObject({ status: 200 })
      else {
        const { responseCode } = yield* attacks[step](thief, victim)
        // Refused: no such user or device, not proven, or unusable; `status` only tells that the phone is unknown.
        expect([5, 9, 14, 26, 28, 29, 30, 34], `${step} of ${order}`).toContain(responseCode)
      }
    }
    const subject = `For ${user.address} alone`
    const item = yield* mail(subject, user.address)
    yield* within(
      cns.until(() => about(victim, item).length > 0),
      `the victim's mail after ${order}`
    )
    expect(shown(victim)).toEqual([expect.objectContaining({ title: "Bob Baker", subtitle: subject })])
    expect(taken(thief)).toEqual([])
    expect(exchange.subscriptions().filter((one) => one.user === user.address)).toHaveLength(1)
  })

/** A server that an attacker would like to be called: it only counts who connects. */
const countConnections = Effect.gen(function* () {
  const [port = 0] = yield* freePorts(1)
  let connections = 0
  yield* Effect.acquireRelease(
    Effect.async<ReturnType<typeof createServer>>((resume) => {
      const server = createServer((socket) => {
        connections += 1
        socket.destroy()
      })
      server.listen(port, () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
  )
  return { port, connections: () => connections }
})
