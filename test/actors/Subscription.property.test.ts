import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { type Step, SubscriptionModel } from "../support/SubscriptionModel.ts"

const kind = fc.constantFrom(...(["NewMail", "Created", "Modified", "Moved", "Deleted", "Status"] as const))

const callback: fc.Arbitrary<Step> = fc.record({
  _tag: fc.constant("Callback" as const),
  generation: fc.oneof(
    { weight: 8, arbitrary: fc.constant("live" as const) },
    { weight: 3, arbitrary: fc.constantFrom(...(["older", "newer", "subscribing"] as const)) }
  ),
  id: fc.oneof(
    { weight: 8, arbitrary: fc.constant("own" as const) },
    { weight: 1, arbitrary: fc.constantFrom(...(["other", "none"] as const)) }
  ),
  events: fc.array(fc.record({ kind, item: fc.nat(20) }), { maxLength: 4 }),
  unread: fc.option(fc.nat(9), { nil: undefined }),
  isError: fc.oneof(
    { weight: 9, arbitrary: fc.constant(false) },
    { weight: 1, arbitrary: fc.constant(true) }
  ),
  suspicion: fc.oneof(
    { weight: 12, arbitrary: fc.constant("none" as const) },
    { weight: 1, arbitrary: fc.constantFrom(...(["generic", "poison"] as const)) }
  ),
  previous: fc.oneof(
    { weight: 5, arbitrary: fc.constant("unsaid" as const) },
    { weight: 1, arbitrary: fc.constant("nowhere" as const) }
  ),
  hurried: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) })
})

const answer: fc.Arbitrary<Step> = fc.record({
  _tag: fc.constant("Answer" as const),
  pick: fc.nat(9),
  outcome: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(400) }),
  unread: fc.nat(9)
})

const others: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    _tag: fc.constant("Register" as const),
    force: fc.boolean(),
    bearer: fc.boolean(),
    move: fc.boolean()
  }),
  fc.constantFrom<Step>({ _tag: "Status" }, { _tag: "Flush" }, { _tag: "Due" }, { _tag: "Unregister" }),
  fc.record({
    _tag: fc.constant("Pass" as const),
    ms: fc.constantFrom(1, 500, 3_000, 10_000, 60_000, 30 * 60_000, 86_400_000)
  }),
  fc.record({ _tag: fc.constant("AnswerAgain" as const), pick: fc.nat(30), outcome: fc.nat(30) }),
  fc.record({
    _tag: fc.constant("Settings" as const),
    form: fc.constantFrom(1, 2),
    mayReform: fc.boolean()
  })
)

const crash: fc.Arbitrary<Step> = fc.constant({ _tag: "Crash" })

const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: callback },
    { weight: 6, arbitrary: answer },
    { weight: 3, arbitrary: others },
    { weight: 1, arbitrary: crash }
  ),
  { minLength: 5, maxLength: 120 }
)

const registered: ReadonlyArray<Step> = [
  { _tag: "Register", force: false, bearer: false, move: false },
  { _tag: "Answer", pick: 0, outcome: 0, unread: 0 }
]

describe("a subscription, whatever happens to it in whatever order", () => {
  it("keeps its promises: settles everyone once, announces nothing twice, is bounded, arms what it needs", () => {
    let announcements = 0
    let searches = 0
    fc.assert(
      fc.property(steps, fc.boolean(), (list, isRegistered) => {
        const model = new SubscriptionModel()
        for (const step of isRegistered ? [...registered, ...list] : list) model.take(step)
        announcements += model.announcements
        searches += model.searches
        model.finish()
        expect(model.unanswered).toBe(0)
      }),
      { numRuns: 1_500 }
    )
    // The walk is no walk in the dark: mails were announced in many of the runs.
    expect(announcements).toBeGreaterThan(300)
    expect(searches).toBeGreaterThan(100)
  })
})
