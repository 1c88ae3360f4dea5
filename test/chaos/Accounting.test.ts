import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { outcomesOf } from "./Accounting.ts"
import { allowedDuplicates, duplicatesOf, FLUSH, isBroken } from "./Duplicates.ts"
import { type Attempt, type Ending, type Facts, type Push, pairOf } from "./Facts.ts"

const MAIL = { id: "item", address: "alice@chaos.example", at: 100_000 }
const PHONE = { token: "phone", address: MAIL.address, obeys: false }

const NOTHING: Facts = {
  mails: [MAIL],
  devices: [PHONE],
  pushes: [],
  attempts: new Map(),
  endings: new Map(),
  down: [],
  interruptions: [],
  deadline: 4000,
  outbox: new Set(),
  replaced: new Set()
}

const push = (more: Partial<Push> = {}): Push => ({
  at: MAIL.at + 10,
  token: PHONE.token,
  collapseId: "one",
  itemIds: [MAIL.id],
  count: 1,
  kind: "details",
  ...more
})

const attempt = (more: Partial<Attempt> = {}): Attempt => ({
  at: MAIL.at,
  until: MAIL.at + 20,
  subscription: "subscription",
  attempt: 0,
  outcome: "OK",
  ...more
})

const ended = (state: string, failures: ReadonlyArray<Attempt> = []): Facts["endings"] => {
  const ending: Ending = { at: MAIL.at - 1000, subscription: "subscription", state, failures }
  return new Map([[MAIL.address, [ending]]])
}

const fateOf = (facts: Partial<Facts>) => outcomesOf({ ...NOTHING, ...facts })[0]

describe("the fate of a mail", () => {
  it("is the best that a phone was told of it", () => {
    expect(fateOf({ pushes: [push({ kind: "bare" }), push(), push({ kind: "summary" })] })?.fate).toBe(
      "notified"
    )
    expect(fateOf({ pushes: [push({ kind: "summary" }), push({ kind: "bare" })] })?.fate).toBe(
      "without details"
    )
  })

  it("may be a summary that stands for more mails than it names, but not one from before it", () => {
    const summary = push({ itemIds: ["other"], count: 2, kind: "summary" })
    expect(fateOf({ pushes: [summary] })?.fate).toBe("in a summary")
    expect(fateOf({ pushes: [{ ...summary, at: MAIL.at - 1 }] })?.fate).toBe("lost")
  })

  it("is the outbox while it waits there", () => {
    expect(fateOf({ outbox: new Set([pairOf(PHONE.token, MAIL.id)]) })?.fate).toBe("in the outbox")
  })

  it("is that it is lost by ENS once ENS has acknowledged it", () => {
    expect(
      fateOf({ attempts: new Map([[MAIL.id, [attempt()]]]), endings: ended("Forgotten") })
    ).toMatchObject({ fate: "lost", reason: "ENS acknowledged it and lost it" })
  })

  it("is excused by a subscription that died only while ENS was down, and only with a dead phone", () => {
    const failure = attempt({ at: 90_000, until: 90_001, outcome: "ECONNREFUSED" })
    const endings = ended("Dropped", [failure])
    const down = [{ from: 89_000, to: 95_000 }]
    expect(fateOf({ endings, down })?.reason).toBe(
      "the subscription died while ENS was down, and the phone is dead"
    )
    expect(fateOf({ endings, down, devices: [{ ...PHONE, obeys: true }] })?.reason).toBe(
      "the subscription died while ENS was down, and the phone has not brought the mail back"
    )
    expect(fateOf({ endings, down: [] })?.reason).toBe("the subscription died though ENS was up")
    expect(fateOf({})?.reason).toBe("Exchange has not delivered it yet")
  })

  it("is one for every mail and device of its user, whatever happened", () => {
    const someId = FastCheck.constantFrom("a", "b", "c")
    const someAddress = FastCheck.constantFrom("alice", "bob")
    const mails = FastCheck.uniqueArray(
      FastCheck.record({ id: someId, address: someAddress, at: FastCheck.nat() }),
      {
        selector: ({ id }) => id
      }
    )
    const devices = FastCheck.uniqueArray(
      FastCheck.record({ token: someId, address: someAddress, obeys: FastCheck.boolean() }),
      { selector: ({ token }) => token }
    )
    const pushes = FastCheck.array(
      FastCheck.record({
        at: FastCheck.nat(),
        token: someId,
        collapseId: someId,
        itemIds: FastCheck.array(someId, { maxLength: 3 }),
        count: FastCheck.nat({ max: 5 }),
        kind: FastCheck.constantFrom("details" as const, "bare" as const, "summary" as const)
      })
    )
    FastCheck.assert(
      FastCheck.property(mails, devices, pushes, (mails, devices, pushes) => {
        const outcomes = outcomesOf({ ...NOTHING, mails, devices, pushes })
        const pairs = mails.flatMap(({ address, id }) =>
          devices.filter((device) => device.address === address).map(({ token }) => pairOf(token, id))
        )
        expect(outcomes.map(({ device, mail }) => pairOf(device.token, mail.id))).toEqual(pairs)
        for (const { device, fate, mail, reason } of outcomes) {
          const named = pushes.some(
            ({ itemIds, token }) => token === device.token && itemIds.includes(mail.id)
          )
          if (named) expect(fate).not.toBe("lost")
          expect(fate === "lost").toBe(reason !== undefined)
        }
      })
    )
  })
})

describe("a duplicate", () => {
  const twice = [push(), push({ at: MAIL.at + 30_000 })]
  const attempts = new Map([[MAIL.id, [attempt()]]])
  const brokenWith = (facts: Partial<Facts>) =>
    duplicatesOf({ ...NOTHING, attempts, pushes: twice, ...facts }).map(isBroken)

  it("has no excuse without an interruption, or with one long after it was acknowledged", () => {
    expect(brokenWith({})).toEqual([true])
    const late = MAIL.at + 20 + FLUSH + 1
    expect(brokenWith({ interruptions: [{ what: "kill -9", from: late, to: late }] })).toEqual([true])
  })

  it("is excused by an interruption while it was in hand or not yet written", () => {
    const then = MAIL.at + FLUSH
    const interruptions = [{ what: "kill -9", from: then, to: then }]
    expect(brokenWith({ interruptions })).toEqual([false])
    const facts = { ...NOTHING, attempts, pushes: twice, interruptions }
    expect([...allowedDuplicates(facts)]).toEqual([["kill -9", 1]])
  })

  it("is excused by a deadline that passed while a gateway had it", () => {
    const pushes = [push({ at: MAIL.at + 3900 }), push({ at: MAIL.at + 5000 })]
    const answeredAfter = (milliseconds: number) => ({
      pushes,
      attempts: new Map([[MAIL.id, [attempt({ until: MAIL.at + milliseconds })]]])
    })
    expect(brokenWith(answeredAfter(4010))).toEqual([false])
    expect(brokenWith(answeredAfter(3500))).toEqual([true])
  })

  it("with another collapse id is never excused, but for a summary that holds it besides", () => {
    const interruptions = [{ what: "kill -9", from: MAIL.at, to: MAIL.at + FLUSH }]
    const again = push({ at: MAIL.at + 30_000, collapseId: "other" })
    expect(brokenWith({ pushes: [push(), again], interruptions })).toEqual([true])
    const summary = push({ at: MAIL.at + 30_000, collapseId: "other", kind: "summary", count: 6 })
    expect(brokenWith({ pushes: [push(), summary], interruptions })).toEqual([false])
    expect(brokenWith({ pushes: [push(), summary] })).toEqual([true])
    const summedWith = (more: Partial<Push>) =>
      duplicatesOf({ ...NOTHING, attempts, pushes: [push(), { ...summary, ...more }] }).map(
        ({ summed }) => summed
      )
    expect(summedWith({})).toEqual([true])
    expect(summedWith({ collapseId: push().collapseId })).toEqual([false])
  })
})
