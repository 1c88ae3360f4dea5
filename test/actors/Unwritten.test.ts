import { describe, expect, it } from "@effect/vitest"
import fc from "fast-check"
import { type State, unsubscribed } from "../../actors/SubscriptionState.ts"
import { type Snapshot, Unwritten } from "../../actors/Unwritten.ts"
import type { UserNumber, Watermark } from "../../schemas/Ids.ts"

const user = (index: number) => String(index + 1) as UserNumber
const stateOf = (index: number, unread: number, generation = 1): State => ({
  ...unsubscribed(user(index), 0),
  generation,
  unread
})

type Step =
  | { readonly do: "note" | "link" | "forget"; readonly user: number; readonly soon: boolean }
  | { readonly do: "read" | "save" | "fail" }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constantFrom("note" as const, "link" as const, "forget" as const),
    user: fc.nat(4),
    soon: fc.boolean()
  }),
  fc.record({ do: fc.constantFrom("read" as const, "save" as const, "fail" as const) })
)

describe("what is unwritten", () => {
  it("is there until its latest version has been saved, whatever happens meanwhile", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const unwritten = new Unwritten()
        const noted = new Map<number, number>()
        const stored = new Map<number, number>()
        let inHand: ReadonlyArray<Snapshot> = []
        for (const [at, one] of steps.entries()) {
          if (one.do === "note") {
            unwritten.note(stateOf(one.user, at), undefined, at)
            if (one.soon) unwritten.hurry(user(one.user))
            noted.set(one.user, at)
          } else if (one.do === "link") unwritten.noteLink(stateOf(one.user, noted.get(one.user) ?? -1), at)
          else if (one.do === "forget") {
            unwritten.forget(user(one.user))
            noted.delete(one.user)
            stored.delete(one.user)
          } else if (one.do === "read" && inHand.length === 0)
            inHand = unwritten.read(unwritten.first(3, at % 2 === 0 ? "all" : "urgent"))
          else if (one.do === "save") {
            for (const { hot, state } of inHand)
              if (hot && noted.has(Number(state.user) - 1)) stored.set(Number(state.user) - 1, state.unread)
            unwritten.saved(inHand, at)
            inHand = []
          } else if (one.do === "fail") inHand = []
        }
        for (const [index, latest] of noted)
          if (stored.get(index) !== latest) expect(unwritten.has(user(index))).toBe(true)
        for (const { state } of unwritten.read(unwritten.first(10, "all")))
          if (noted.has(Number(state.user) - 1)) expect(state.unread).toBe(noted.get(Number(state.user) - 1))
      })
    )
  })

  it("is one entry for a user, with the latest state and the last watermark that was told", () => {
    const unwritten = new Unwritten()
    unwritten.note(stateOf(0, 1), "w1" as Watermark, 0)
    unwritten.noteLink(stateOf(0, 2), 0)
    unwritten.note(stateOf(0, 3), undefined, 0)
    expect(unwritten.size).toBe(1)
    expect(unwritten.read([user(0)])).toMatchObject([
      { hot: true, link: true, watermark: "w1", state: { unread: 3 } }
    ])
  })

  it("gives a new subscription no watermark of the one before", () => {
    const unwritten = new Unwritten()
    unwritten.note(stateOf(0, 1, 1), "w1" as Watermark, 0)
    unwritten.note(stateOf(0, 1, 2), undefined, 0)
    expect(unwritten.read([user(0)])[0]?.watermark).toBeUndefined()
  })

  it("goes in the order in which users came, and who is in a hurry can be had alone", () => {
    const unwritten = new Unwritten()
    for (const index of [3, 1, 2, 1, 3]) unwritten.note(stateOf(index, 0), undefined, index)
    unwritten.hurry(user(2))
    unwritten.hurry(user(7))
    expect(unwritten.first(2, "all")).toEqual([user(3), user(1)])
    expect(unwritten.first(9, "urgent")).toEqual([user(2)])
    expect(unwritten.count("urgent")).toBe(1)
    expect(unwritten.oldest).toBe(3)
    unwritten.saved(unwritten.read([user(3), user(2)]), 10)
    expect(unwritten.first(9, "all")).toEqual([user(1)])
    expect(unwritten.first(9, "urgent")).toEqual([])
    expect(unwritten.oldest).toBe(1)
  })

  it("that changed while it was being written waits behind the others, from then on", () => {
    const unwritten = new Unwritten()
    unwritten.note(stateOf(0, 1), undefined, 0)
    unwritten.note(stateOf(1, 1), undefined, 5)
    const inHand = unwritten.read([user(0)])
    unwritten.note(stateOf(0, 2), undefined, 6)
    unwritten.saved(inHand, 8)
    expect(unwritten.first(9, "all")).toEqual([user(1), user(0)])
    expect(unwritten.read([user(0)])[0]?.state.unread).toBe(2)
    expect(unwritten.oldest).toBe(5)
  })
})
