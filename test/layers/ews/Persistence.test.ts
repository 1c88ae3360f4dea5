import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, FastCheck as fc, Random, TestClock } from "effect"
import {
  PAUSE_FIRST,
  type Patience,
  pauseBefore,
  persistently,
  TRIES
} from "../../../layers/ews/Persistence.ts"
import {
  EwsBlocked,
  EwsBusy,
  type EwsError,
  EwsForbidden,
  EwsRefused,
  EwsTimeout,
  EwsUnauthorized,
  EwsUnreachable,
  EwsUnusable
} from "../../../schemas/EwsError.ts"

const site = { operation: "GetItem", host: "mail.example.com" }
const busy = (retryAfter = 0) => new EwsBusy({ ...site, responseCode: "ErrorServerBusy", retryAfter })
const unreachable = new EwsUnreachable({ ...site, reason: "refused", sent: false })
const timeout = new EwsTimeout({ ...site, milliseconds: 30_000 })

/** A call that fails with these errors, one after the other, then succeeds; `at` and `left` tell of its tries. */
const failing = (...errors: ReadonlyArray<EwsError>) => {
  const tries: Array<{ readonly at: number; readonly left: number }> = []
  const call = (left: number) =>
    Effect.flatMap(Effect.clock, (clock) => {
      tries.push({ at: Number(clock.unsafeCurrentTimeNanos() / 1_000_000n), left })
      const error = errors[tries.length - 1]
      return error === undefined ? Effect.succeed("done" as const) : Effect.fail(error)
    })
  return { call, tries }
}

/** Runs it to its end; pauses have exactly their middle length. */
const outcome = (patience: Patience, call: (left: number) => Effect.Effect<"done", EwsError>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(
      Effect.either(persistently(patience, call)).pipe(Effect.withRandom(Random.fixed([0.5])))
    )
    yield* TestClock.adjust("1 hour")
    return yield* Fiber.join(fiber)
  })

describe("persistently", () => {
  it.effect("repeats what may pass after 0.5, 1 and 2 s, and tells each try what is left", () =>
    Effect.gen(function* () {
      const { call, tries } = failing(busy(), unreachable, timeout)
      expect(yield* outcome({ within: 10_000 }, call)).toMatchObject({ right: "done" })
      expect(tries).toEqual([
        { at: 0, left: 10_000 },
        { at: 500, left: 9_500 },
        { at: 1_500, left: 8_500 },
        { at: 3_500, left: 6_500 }
      ])
    })
  )

  it.effect("fails with the last error after four tries", () =>
    Effect.gen(function* () {
      const { call, tries } = failing(busy(), busy(), busy(), unreachable, busy())
      expect(yield* outcome({ within: 60_000 }, call)).toMatchObject({ left: unreachable })
      expect(tries).toHaveLength(TRIES)
    })
  )

  it.effect("begins no pause that would not end in time", () =>
    Effect.gen(function* () {
      const { call, tries } = failing(busy(), unreachable, busy())
      expect(yield* outcome({ within: 1_500 }, call)).toMatchObject({ left: unreachable })
      expect(tries.map(({ at }) => at)).toEqual([0, 500])
    })
  )

  it.effect("takes a deadline on the clock that is never set", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 minute")
      const { call, tries } = failing(busy())
      expect(yield* outcome({ until: 62_000 }, call)).toMatchObject({ right: "done" })
      expect(tries).toEqual([
        { at: 60_000, left: 2_000 },
        { at: 60_500, left: 1_500 }
      ])
    })
  )

  it.effect("tells a call whose deadline is over that nothing is left", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 minute")
      const { call, tries } = failing(busy())
      expect(yield* outcome({ until: 1_000 }, call)).toMatchObject({ left: busy() })
      expect(tries).toEqual([{ at: 60_000, left: 0 }])
    })
  )

  it.effect("waits as long as the server asks", () =>
    Effect.gen(function* () {
      const { call, tries } = failing(busy(7_000))
      expect(yield* outcome({ within: 10_000 }, call)).toMatchObject({ right: "done" })
      expect(tries.map(({ at }) => at)).toEqual([0, 7_250])
    })
  )

  it.effect("fails at once when the server asks for more than is left", () =>
    Effect.gen(function* () {
      const { call, tries } = failing(busy(299_984))
      const error = yield* persistently({ within: 25_000 }, call).pipe(Effect.flip)
      expect(error).toEqual(busy(299_984))
      expect(tries).toHaveLength(1)
    })
  )

  const permanent: ReadonlyArray<EwsError> = [
    new EwsUnauthorized({ ...site, offered: ["Basic"] }),
    new EwsForbidden(site),
    new EwsBlocked({ ...site, status: 403 }),
    new EwsRefused({ ...site, responseCode: "ErrorAccessDenied", status: 200 }),
    new EwsUnusable({ ...site, status: 200, reason: "an HTML page" }),
    new EwsUnreachable({ ...site, reason: "its certificate has expired", sent: false, lasting: true })
  ]
  for (const error of permanent) {
    it.effect(`never repeats after ${error._tag}`, () =>
      Effect.gen(function* () {
        const { call, tries } = failing(error)
        expect(yield* Effect.flip(persistently({ within: 10_000 }, call))).toBe(error)
        expect(tries).toHaveLength(1)
      })
    )
  }

  it.effect(
    "does not repeat what creates something after a timeout, only what surely or probably failed",
    () =>
      Effect.gen(function* () {
        const late = failing(timeout)
        expect(yield* Effect.flip(persistently({ within: 60_000, creates: true }, late.call))).toBe(timeout)
        expect(late.tries).toHaveLength(1)
        const refused = failing(busy(), unreachable, timeout)
        expect(yield* outcome({ within: 60_000, creates: true }, refused.call)).toMatchObject({
          left: timeout
        })
        expect(refused.tries).toHaveLength(3)
      })
  )

  const unanswered: ReadonlyArray<EwsError> = [
    timeout,
    new EwsBusy({ ...site, responseCode: "HTTP 504", retryAfter: 0 })
  ]
  for (const error of unanswered) {
    it.effect(
      `repeats only once what ${error._tag} left unanswered, because each try may cost a log-in`,
      () =>
        Effect.gen(function* () {
          const { call, tries } = failing(busy(), error, error, busy())
          expect(yield* outcome({ within: 600_000 }, call)).toMatchObject({ left: error })
          expect(tries).toHaveLength(3)
          const other = failing(error, busy(), error, busy())
          expect(yield* outcome({ within: 600_000 }, other.call)).toMatchObject({ left: error })
          expect(other.tries).toHaveLength(3)
        })
    )
  }

  it.effect("leaves errors of other kinds alone", () =>
    Effect.gen(function* () {
      const broken = { _tag: "SealBroken" } as const
      let tries = 0
      const call = () =>
        Effect.suspend(() => {
          tries += 1
          return Effect.fail(broken)
        })
      expect(yield* Effect.flip(persistently({ within: 10_000 }, call))).toBe(broken)
      expect(tries).toBe(1)
    })
  )
})

describe("the pause before a try", () => {
  const tries = fc.integer({ min: 2, max: TRIES })
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

  it("lies within a quarter of a length that doubles", () => {
    fc.assert(
      fc.property(tries, random, (n, r) => {
        const middle = PAUSE_FIRST * 2 ** (n - 2)
        const pause = pauseBefore(n, 0, r)
        expect(pause).toBeGreaterThanOrEqual(0.75 * middle)
        expect(pause).toBeLessThanOrEqual(1.25 * middle)
      })
    )
  })

  it("is never shorter than what the server asks for, and not much longer", () => {
    fc.assert(
      fc.property(tries, random, fc.integer({ min: 1, max: 3_600_000 }), (n, r, asked) => {
        const pause = pauseBefore(n, asked, r)
        expect(pause).toBeGreaterThanOrEqual(asked)
        expect(pause - asked).toBeLessThanOrEqual(PAUSE_FIRST * 2 ** (TRIES - 2))
      })
    )
  })

  it("differs from caller to caller", () => {
    fc.assert(
      fc.property(tries, random, random, fc.nat(300_000), (n, a, b, asked) => {
        fc.pre(Math.abs(a - b) > 0.001)
        expect(pauseBefore(n, asked, a)).not.toBe(pauseBefore(n, asked, b))
      })
    )
  })
})
