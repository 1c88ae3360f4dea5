import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { temporaryDirectory } from "../support/TemporaryDirectory.ts"
import { render } from "./Report.ts"
import { runChaos } from "./Run.ts"
import { FAULTS } from "./Timeline.ts"

/** Things go wrong for about a minute; healing and the machine's mood come on top. */
const LONGEST = 300_000

describe("chaos", () => {
  it.scopedLive(
    "loses no mail, and tells nobody twice without need, whatever goes wrong",
    () =>
      Effect.gen(function* () {
        const lines: Array<string> = []
        // Exchange gives up a callback after 3.75 s: as short as a restart of the service allows.
        const folder = yield* temporaryDirectory
        const options = {
          minutes: 10,
          steps: FAULTS.length,
          seed: 1,
          users: 120,
          rate: 8,
          minute: 500,
          check: 16,
          folder
        }
        const report = yield* runChaos(options, (line) => lines.push(line))
        const text = [...lines, render(report)].join("\n")
        const { journal, verdict } = report
        expect(journal.broken, text).toEqual([])
        expect(verdict.broken, text).toEqual({ lost: [], duplicates: [] })
        expect(verdict.fates["in the outbox"], text).toBe(0)
        expect(new Set(journal.faults.map(({ name }) => name)), text).toEqual(
          new Set(FAULTS.map(({ name }) => name))
        )
        expect(verdict.fates.notified, text).toBeGreaterThan(0)
      }),
    LONGEST
  )
})
