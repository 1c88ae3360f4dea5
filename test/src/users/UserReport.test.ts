import { describe, expect, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Storage } from "../../../layers/storage/Storage.ts"
import { UserPage } from "../../../schemas/ConsoleApi.ts"
import { type HistoryEvent, pack, unpack } from "../../../schemas/History.ts"
import { userIdOfAddress } from "../../../schemas/Ids.ts"
import { LinkState } from "../../../schemas/LinkState.ts"
import { adviceOn } from "../../../src/users/Advice.ts"
import { userPage } from "../../../src/users/UserReport.ts"
import { userText } from "../../../src/users/UserText.ts"
import { inWorld, type World } from "../../support/ActorFixture.ts"

const ANN = "ann@example.com"

const pageOf = (world: World, address = ANN) =>
  Effect.provideService(userPage(userIdOfAddress(address)), Storage, world.storage)

const known = (more: Partial<Parameters<typeof adviceOn>[0]>) =>
  adviceOn({ devices: [device], events: [], state: "Active", stateSince: 0, waiting: 0, ...more })

const device = {
  device: 1,
  platform: "iOS",
  bundleId: "com.example.mail",
  policy: 1,
  environment: "production",
  registeredAt: 0,
  seenAt: 0,
  nudgedAt: null,
  tokenDigest: "12345678"
}

const event = (kind: HistoryEvent["kind"], detail: string): HistoryEvent => ({
  at: 1,
  kind,
  detail,
  times: 1
})

describe("a user's page", () => {
  it.scopedLive(
    "shows subscription, devices and what happened, and nothing that is secret",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* ens.registered(ANN, { token: "secret-push-token" })
        yield* ens.heartbeat(ANN)
        yield* ens.mail(ANN, { sender: "Bob", subject: "secret subject" })
        yield* world.advance(11_000)
        const page = yield* pageOf(world)
        expect(page.users).toMatchObject([
          {
            tenant: "default",
            state: "Active",
            advice: "",
            generation: 1,
            authType: "Basic",
            waiting: 0,
            unread: 1,
            devices: [{ device: 1, platform: "iOS", tokenDigest: expect.stringMatching(/^[0-9a-f]{8}$/) }],
            deadLetters: []
          }
        ])
        const [user] = page.users
        expect(user?.events.map(({ kind }) => kind)).toEqual([
          "mail",
          "heartbeat",
          "state",
          "state",
          "registration",
          "subscribed"
        ])
        // As the console gets it.
        expect(Schema.is(UserPage)(page)).toBe(true)
        const all = `${JSON.stringify(page)} ${userText(page)}`
        expect(all).not.toMatch(/secret|Bob|ann@/)
        expect(userText(page).split("\n").slice(2, 4)).toEqual([
          expect.stringMatching(/^tenant default: Active since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
          "  all is well"
        ])
      })
    )
  )

  it.scopedLive(
    "is empty for a user whom nobody knows, and tells of one who never registered",
    inWorld((world) =>
      Effect.gen(function* () {
        expect(yield* pageOf(world)).toEqual({ userId: userIdOfAddress(ANN), users: [] })
        yield* world.user(ANN)
        const [user] = (yield* pageOf(world)).users
        expect(user).toMatchObject({ state: "None", generation: 0, ewsHost: null, lastHeard: null })
        expect(user?.advice).toContain("No registration has succeeded yet")
      })
    )
  )

  it.scopedLive(
    "says that a user's actor is set aside, which only the history knows",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        const user = yield* world.user(ANN)
        yield* ens.registered(ANN)
        yield* world.advance(6_000)
        const parked = { ...event("state", "Parked: its actor keeps crashing"), at: world.clock.now }
        yield* world.storage.saveHistories([{ user, lastAt: parked.at, events: pack([parked]) }])
        expect((yield* pageOf(world)).users).toMatchObject([{ state: "Parked", stateSince: parked.at }])
        // As always when somebody tries.
        const asked = { ...event("admin", "asked to register"), at: world.clock.now }
        yield* world.storage.saveHistories([{ user, lastAt: parked.at, events: pack([parked, asked]) }])
        expect((yield* pageOf(world)).users).toMatchObject([{ state: "Parked" }])
      })
    )
  )

  it.scopedLive(
    "no longer calls a user set aside who is at work again after a restart, which no history tells",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        const user = yield* world.user(ANN)
        yield* ens.registered(ANN)
        yield* ens.heartbeat(ANN)
        yield* world.advance(6_000)
        const [row] = yield* world.storage.histories([user])
        const parked = { ...event("state", "Parked: its actor keeps crashing"), at: world.clock.now }
        const events = pack([...unpack(row!.events), parked])
        yield* world.storage.saveHistories([{ user, lastAt: parked.at, events }])
        expect((yield* pageOf(world)).users).toMatchObject([{ state: "Parked" }])
        yield* world.advance(60_000)
        yield* ens.heartbeat(ANN)
        yield* world.advance(20_000)
        expect((yield* pageOf(world)).users).toMatchObject([{ state: "Active" }])
      })
    )
  )

  it.scopedLive(
    "does not steer the terminal of whoever reads it",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        const user = yield* world.user(ANN)
        const evil = "\u001b]0;owned\u0007\u009b2J\r\n\u202eturned"
        yield* ens.registered(ANN, { device: { bundleId: `com.${evil}` } })
        yield* world.advance(6_000)
        const told = event("registration", evil)
        yield* world.storage.saveHistories([{ user, lastAt: told.at, events: pack([told]) }])
        yield* world.storage.addDeadLetter({ user, digest: evil, reason: evil, at: 1 })
        const page = yield* pageOf(world)
        const text = userText({ ...page, users: page.users.map((one) => ({ ...one, tenant: evil })) })
        expect(text).toContain("owned")
        expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\u202e]/u)
        expect(text.split("\n").filter((line) => line.includes("turned"))).toHaveLength(4)
      })
    )
  )
})

describe("advice", () => {
  it("is one sentence without a full stop for every state but one that is well", () => {
    for (const state of LinkState.literals) {
      const text = known({ state })
      if (state === "Active") expect(text).toBe("")
      else expect(text, state).toMatch(/^[A-Z].{40,}[^.]$/)
    }
  })

  it("says why nobody is notified though the subscription is well", () => {
    expect(known({ devices: [] })).toContain("No device is registered")
    expect(known({ waiting: 1 })).toContain("1 notification waits")
    expect(known({ waiting: 7 })).toContain("7 notifications wait")
  })

  it("names the cure of the last failure, unless a subscription was made since then", () => {
    const failed = event("registration", "SubscribeAgain: exchange-forbids-ews at mail.example.com")
    expect(known({ state: "None", events: [failed] })).toContain("EWSEnabled")
    expect(known({ state: "Overdue", events: [event("subscribed", "made"), failed] })).not.toContain(
      "EWSEnabled"
    )
    expect(known({ events: [failed] })).toBe("")
  })
})
