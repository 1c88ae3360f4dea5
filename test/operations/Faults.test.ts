import { describe, expect, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { faultOf } from "../../schemas/Fault.ts"
import { eventually } from "../e2e/Rehearsal.ts"
import { startService } from "../support/ServiceFixture.ts"
import { INJECTED, type Injected } from "./Injected.ts"
import { makeStage } from "./Stage.ts"
import { byDoctor, inLog, inReadiness, makeAdminToken, signIn } from "./Views.ts"

/** Milliseconds: the slowest are a search for Autodiscover, and a database that is locked. */
const SOON = 30_000

// Mostly waiting, each with a service of its own: they wait together.
describe.concurrent("what goes wrong is called by the same name in one line everywhere:", () => {
  for (const injected of INJECTED) {
    it.scopedLive(
      `${injected.name} is ${injected.fault} in the log, in the console, in readiness and for ens doctor`,
      () => named(injected),
      90_000
    )
  }
})

const named = Effect.fnUntraced(function* (injected: Injected) {
  const { doctor, fault, isFoundByDoctor, plan, strike, told, where } = injected
  const stage = yield* makeStage(typeof plan === "function" ? plan() : plan)
  const { installation } = stage
  const adminToken = yield* makeAdminToken(installation)
  yield* startService(installation)
  yield* eventually(() => installation.log().includes("RSA key pool: 2 made"), "spare keys", 20).pipe(
    Effect.when(() => fault !== "key-pool-empty")
  )
  const overview = yield* signIn(installation, adminToken)
  yield* strike(stage)

  const shown = yield* overview.pipe(
    Effect.filterOrFail((troubles) => troubles.some((one) => one.fault === fault)),
    Effect.retry(Schedule.spaced("50 millis")),
    Effect.timeoutTo({ duration: SOON, onSuccess: (troubles) => troubles, onTimeout: () => [] })
  )
  const { cure, title } = faultOf(fault)
  const expected = [
    expect.objectContaining({ fault, title, cure, where: expect.stringMatching(where) })
  ] satisfies ReadonlyArray<unknown>
  expect(shown, "console").toEqual(expected)
  expect(yield* inReadiness(installation), "readiness").toEqual(expected)

  const lines = inLog(installation)
  expect([...new Set(lines.map((line) => line.fault))], JSON.stringify(lines)).toEqual([fault])
  expect(lines.filter(({ line }) => line.includes("\n"))).toEqual([])
  // One line is for the administrator; others tell of a user or what follows from it.
  expect(lines.filter(({ line }) => told.test(line)).map(({ line }) => line)).toHaveLength(1)
  expect(lines.length, JSON.stringify(lines)).toBeLessThanOrEqual(2)

  const { exitCode, findings } = yield* byDoctor(installation, doctor?.(stage) ?? []).pipe(
    // What the actors know is written some seconds later; until then the service alone can tell.
    Effect.filterOrFail(
      (answer) => !isFoundByDoctor || ofFault(answer, fault).some(({ check }) => check !== "service")
    ),
    Effect.retry(Schedule.intersect(Schedule.spaced("1 second"), Schedule.recurs(10))),
    Effect.orElse(() => byDoctor(installation, doctor?.(stage) ?? []))
  )
  const failed = ofFault({ findings }, fault)
  expect(exitCode, JSON.stringify(findings)).toBe(1)
  expect(failed, JSON.stringify(findings)).toContainEqual(
    expect.objectContaining({ verdict: "failed", cure: expect.stringMatching(/./) })
  )
  if (isFoundByDoctor) {
    expect(failed.map(({ check }) => check)).not.toEqual(failed.map(() => "service"))
  }
})

const ofFault = (
  { findings }: Pick<Effect.Effect.Success<ReturnType<typeof byDoctor>>, "findings">,
  fault: Injected["fault"]
) => findings.filter((finding) => finding.fault === fault)
