import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Check } from "../../../src/doctor/Check.ts"
import { checks } from "../../../src/doctor/Checks.ts"
import { examine } from "../../../src/doctor/Doctor.ts"
import { type Finding, ok } from "../../../src/doctor/Finding.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"
import { installation, look, NO_QUESTIONS } from "./Clinic.ts"

const check = (name: string, run: Check["run"], more: Partial<Check> = {}): Check => ({
  name,
  within: 5,
  network: false,
  run,
  ...more
})
const fine = check("fine", (tell) => Effect.sync(() => tell(ok("fine", "works"))))

describe("an examination", () => {
  it.scopedLive("goes on after a check that crashes, fails or takes too long, and says so", () =>
    Effect.gen(function* () {
      const settings = yield* installation()
      const found = yield* look(settings, [
        check("crashing", () => Effect.die(new Error("boom"))),
        check("throwing", () => {
          throw new Error("bang")
        }),
        check("failing", () => Effect.fail(new Error("no such thing"))),
        check("slow", () => Effect.never, { within: 0.05 }),
        fine
      ])
      expect(found).toEqual([
        { check: "crashing", verdict: "failed", says: "the check itself failed: boom" },
        { check: "throwing", verdict: "failed", says: "the check itself failed: bang" },
        { check: "failing", verdict: "failed", says: "no such thing" },
        { check: "slow", verdict: "failed", says: "no result within 0.05 seconds" },
        { check: "fine", verdict: "ok", says: "works" }
      ])
    })
  )

  it.scopedLive("tells nothing of a check whose time is over", () =>
    Effect.gen(function* () {
      const settings = yield* installation()
      const late = check(
        "late",
        (tell) =>
          Effect.uninterruptible(
            Effect.delay(
              Effect.sync(() => tell(ok("late", "at last"))),
              200
            )
          ),
        { within: 0.05 }
      )
      const wait = check("waiting", () => Effect.sleep(400))
      expect((yield* look(settings, [late, wait])).map(({ says }) => says)).toEqual([
        "no result within 0.05 seconds"
      ])
    })
  )

  it.scopedLive("asks no other machine when it is told not to", () =>
    Effect.gen(function* () {
      const settings = yield* installation()
      const asking = check("asking", () => Effect.die("asked"), { network: true })
      const found = yield* look(settings, [asking, fine], { offline: true })
      expect(found.map(({ verdict }) => verdict)).toEqual(["skipped", "ok"])
    })
  )

  it("has one check of each name", () => {
    expect(new Set(checks.map(({ name }) => name)).size).toBe(checks.length)
  })
})

describe("settings", () => {
  const examined = (settings: object) =>
    Effect.gen(function* () {
      const configFile = join(yield* temporaryDirectory, "settings.json")
      writeFileSync(configFile, JSON.stringify({ ENS_DATA_DIR: "/nonexistent/ens", ...settings }))
      const told: Array<Finding> = []
      const found = yield* examine(
        { ...NO_QUESTIONS, configFile, offline: true },
        {
          begins: () => undefined,
          found: (finding) => told.push(finding)
        }
      )
      expect(told).toEqual(found)
      return found.filter(({ check }) => check === "settings" || check === "all other checks")
    })

  it.scopedLive(
    "that contradict each other are a line each, and nothing that can be looked at is left out",
    () =>
      Effect.gen(function* () {
        const found = yield* examined({ ENS_PUBLIC_URL: "https://ens.example.com", ENS_TLS_CERT_FILE: "/x" })
        expect(found.map(({ verdict }) => verdict)).toEqual(["failed", "failed"])
        expect(found.map(({ says }) => says).join()).toMatch(/ENS_TLS_CERT_FILE needs.*ENS_PUSH must name/)
      })
  )

  it.scopedLive("with names that are none are told", () =>
    Effect.gen(function* () {
      const [found] = yield* examined({ ENS_PORTT: "1" })
      expect(found).toMatchObject({
        verdict: "failed",
        says: expect.stringContaining("ENS_PORTT is not a setting")
      })
    })
  )

  it.scopedLive("that cannot be read keep everything else from being looked at", () =>
    Effect.gen(function* () {
      const found = yield* examined({ ENS_PORT: "many" })
      expect(found.map(({ check, verdict }) => [check, verdict])).toEqual([
        ["settings", "failed"],
        ["all other checks", "skipped"]
      ])
    })
  )
})
