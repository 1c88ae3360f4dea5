import { FastCheck as fc, Redacted } from "effect"
import { describe, expect, it } from "vitest"
import { rest, rouse } from "../../actors/Resting.ts"
import type { State } from "../../actors/SubscriptionState.ts"
import { unsubscribed } from "../../actors/SubscriptionState.ts"
import type { DeviceNumber, UserNumber } from "../../schemas/Ids.ts"

const ANN = "1700000000001" as UserNumber

const time = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2 ** 43 }))
const hash = fc.oneof(fc.constant(0), fc.maxSafeNat())
const count = fc.integer({ min: -1, max: 2 ** 31 })
const generation = fc.nat()

const anyState: fc.Arbitrary<State> = fc
  .record({
    link: fc.constantFrom<State["link"]>(
      "None",
      "Unconfirmed",
      "Active",
      "Overdue",
      "Lost",
      "CredentialsRejected",
      "CredentialsExpired",
      "Blocked",
      "Parked"
    ),
    linkSince: time,
    nudges: fc.nat(17),
    generation,
    attempted: generation,
    refused: generation,
    rejected: generation,
    subscription: hash,
    watermark: hash,
    endpoint: hash,
    form: hash,
    sealedSince: time,
    reformedAt: time,
    inbox: hash,
    lastHeard: time,
    gapSince: time,
    searchedAt: time,
    blocked: fc.array(fc.nat() as fc.Arbitrary<DeviceNumber>, { maxLength: 5 }),
    inboxRead: time,
    unread: count,
    badge: count,
    tokenExpiresAt: time,
    tokenNoticed: fc.boolean(),
    backlog: fc.constantFrom(undefined, false, true),
    ledger: fc.array(hash, { maxLength: 70 }),
    subscribedAt: fc.array(time, { maxLength: 5 }),
    jobs: fc.nat()
  })
  .map((some) => ({ ...unsubscribed(ANN, 0), ...some }))

describe("a subscription at rest", () => {
  it("forgets nothing, and is nothing but numbers", () => {
    fc.assert(
      fc.property(anyState, (state) => {
        const kept = rest(state)
        expect(Array.isArray(kept) && kept.every((value) => typeof value === "number")).toBe(true)
        expect(rouse(ANN, kept)).toEqual(state)
      })
    )
  })

  it("is kept as it is while something is under way or waits", () => {
    const idle = unsubscribed(ANN, 1)
    const renewal = { from: 1, f: Redacted.make("f"), activityId: "a", broken: true, resume: false }
    const busy: ReadonlyArray<State> = [
      { ...idle, renewal },
      { ...idle, work: { _tag: "Flushing", job: 1, waiters: [] } },
      { ...idle, desk: { _tag: "Removing", job: 1, generation: 1, early: [] } }
    ]
    for (const state of busy) {
      expect(rest(state)).toBe(state)
      expect(rouse(ANN, state)).toBe(state)
    }
  })
})
