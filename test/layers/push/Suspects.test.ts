import { describe, expect, it } from "@effect/vitest"
import { STRIKES, Suspects } from "../../../layers/push/Suspects.ts"
import { Verdict } from "../../../schemas/Push.ts"
import { notification } from "../../support/Notifications.ts"

const down = Verdict.GatewayDown({ reason: "HTTP 500" })
const delivered = Verdict.Delivered()

const judge = (suspects: Suspects, verdict: Verdict, ...numbers: ReadonlyArray<number>) =>
  suspects.judge(
    numbers.map((n) => notification(n)),
    numbers.map(() => verdict)
  )

describe("a notification that fails", () => {
  it(`is rejected the time number ${STRIKES} if another one was delivered in between`, () => {
    const suspects = new Suspects()
    for (let i = 1; i < STRIKES; i++) {
      expect(judge(suspects, down, 1)).toEqual([down])
      judge(suspects, delivered, 2)
    }
    expect(judge(suspects, down, 1)).toMatchObject([{ _tag: "Rejected" }])
  })

  it("is not suspected while nothing else is delivered, nor for what shared its request", () => {
    const suspects = new Suspects()
    for (let i = 0; i < 10; i++) expect(judge(suspects, down, 1)).toEqual([down])
    for (let i = 0; i < 10; i++) {
      judge(suspects, delivered, 3)
      expect(judge(suspects, down, 1, 2)).toEqual([down, down])
    }
  })

  it("is cleared by its own delivery", () => {
    const suspects = new Suspects()
    for (let i = 0; i < 10; i++) {
      expect(judge(suspects, down, 1)).toEqual([down])
      judge(suspects, delivered, 1)
    }
  })

  it("is not suspected of a gateway that fails over others, too", () => {
    const suspects = new Suspects()
    for (let i = 0; i < 10 * STRIKES; i++) {
      expect(judge(suspects, down, 1)).toEqual([down])
      judge(suspects, delivered, 2)
      expect(judge(suspects, down, 3)).toEqual([down])
    }
  })
})
