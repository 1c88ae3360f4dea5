import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { APP_PAUSE, AppTroubles, SEEN_WORKING } from "../../../layers/push/AppTroubles.ts"
import { Verdict } from "../../../schemas/Push.ts"
import * as LogRecorder from "../../support/LogRecorder.ts"

const down = Verdict.GatewayDown({ reason: "does not like it" }) as Extract<Verdict, { _tag: "GatewayDown" }>
const waits = Verdict.RetryLater({ after: APP_PAUSE })

describe("trouble of an app", () => {
  it.effect("is the gateway's if nothing else works", () =>
    Effect.gen(function* () {
      const troubles = new AppTroubles()
      expect(yield* troubles.verdict("a", down, 0)).toEqual(down)
      troubles.accepted("a", 0)
      expect(yield* troubles.verdict("a", down, 1)).toEqual(down)
    })
  )
  it.effect("is its own while any other app works, whoever was the last", () =>
    Effect.gen(function* () {
      const troubles = new AppTroubles()
      troubles.accepted("b", 0)
      troubles.accepted("a", 1)
      expect(yield* troubles.verdict("a", down, 2)).toEqual(waits)
      expect(yield* troubles.verdict("b", down, 2)).toEqual(waits)
      expect(yield* troubles.verdict("c", down, SEEN_WORKING)).toEqual(waits)
      expect(yield* troubles.verdict("c", down, SEEN_WORKING + 1)).toEqual(down)
    })
  )
  it.effect("is told once, and again when it comes back or is another", () => {
    const lines: Array<LogRecorder.LogLine> = []
    const warnings = () => lines.filter(({ level }) => level === "WARN").map(({ text }) => text.split(";")[0])
    return Effect.gen(function* () {
      const troubles = new AppTroubles()
      troubles.accepted("b", 0)
      for (const reason of ["no", "no", "never"]) yield* troubles.verdict("a", { ...down, reason }, 0)
      troubles.accepted("a", 0)
      yield* troubles.verdict("a", { ...down, reason: "never" }, 0)
      expect(warnings()).toEqual(["no", "never", "never"])
    }).pipe(Effect.provide(LogRecorder.layer(lines)))
  })
})
