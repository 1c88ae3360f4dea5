import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Metric, TestClock } from "effect"
import { type HttpRequest, HttpSessions } from "../../../layers/ews/HttpSessions.ts"
import { callbackBudget, type LogInBudget, registrationBudget } from "../../../layers/ews/LogInBudget.ts"
import { REFUSES_MOST, WAIT, withLogInGuard } from "../../../layers/ews/LogInGuard.ts"
import type { HttpAnswer } from "../../../layers/ews/SoapAnswer.ts"
import * as Throttle from "../../../layers/ews/Throttle.ts"
import * as TroubleMetrics from "../../../layers/ews/TroubleMetrics.ts"
import { type EwsError, EwsRefused, EwsUnauthorized } from "../../../schemas/EwsError.ts"
import type { UserNumber } from "../../../schemas/Ids.ts"
import { timedAccount } from "../../support/EwsCaller.ts"
import * as LogRecorder from "../../support/LogRecorder.ts"
import { watchedSend } from "../../support/WatchedSend.ts"

const A = "https://a.example.com"
const B = "https://b.example.com"
const REQUEST: HttpRequest = { operation: "GetItem", method: "POST", headers: {}, body: "<x/>" }
const site = { operation: "GetItem", host: "a.example.com" }
const answer = (status: number): HttpAnswer => ({ status, headers: {}, body: Buffer.from("") })
const fine = Effect.succeed(answer(200))
const refused = new EwsUnauthorized({ ...site, offered: ["Basic"], scheme: "Basic" })
const spent = new EwsUnauthorized({ ...site, offered: [], spent: true })
const busy = { _tag: "EwsBusy", responseCode: REFUSES_MOST, retryAfter: WAIT }

type Script = (user: number) => Effect.Effect<HttpAnswer, EwsError>
const wrongFor =
  (...users: ReadonlyArray<number>): Script =>
  (user) =>
    users.includes(user) ? Effect.fail(refused) : fine
const wrongForAll: Script = () => Effect.fail(refused)

/** The guard around sessions that do what the script says, and spend the budget as real ones do. */
const stage = Effect.fnUntraced(function* (
  first: Script = () => fine,
  wrap: (inner: HttpSessions["Type"]) => Effect.Effect<HttpSessions["Type"]> = (inner) =>
    Effect.succeed(withLogInGuard(inner))
) {
  const state = { script: first, asked: 0 }
  const inner: HttpSessions["Type"] = {
    open: (caller, watches = []) => {
      const { budget, user } = caller
      const ask = Effect.suspend(() => {
        state.asked += 1
        return state.script(Number(user))
      })
      const asCaller = Effect.suspend(() => (budget.allows ? ask : Effect.fail(spent))).pipe(
        Effect.tapErrorTag("EwsUnauthorized", (error) =>
          Effect.sync(() => {
            if (error.spent !== true) budget.spend()
          })
        )
      )
      return {
        send: (endpoint, request) => watchedSend(caller, watches, endpoint, request, false, asCaller),
        sendAnonymously: (endpoint, request) => watchedSend(caller, watches, endpoint, request, true, ask),
        close: () => {}
      }
    }
  }
  const sessions = yield* wrap(inner)
  const call = (user: number, budget: LogInBudget = callbackBudget(), origin = A, anonymous = false) => {
    const account = timedAccount(`${origin}/EWS/Exchange.asmx`, { user: String(user) as UserNumber, budget })
    return Effect.suspend(() => {
      const session = sessions.open(account)
      return (anonymous ? session.sendAnonymously : session.send)(account.endpoint, REQUEST, 25_000)
    })
  }
  const say = (script: Script) =>
    Effect.sync(() => {
      state.script = script
    })
  return { call, state, say }
})

/** Five users are refused, one after the other. */
const refuseFive = Effect.fnUntraced(function* ({
  call,
  say
}: Pick<Effect.Effect.Success<ReturnType<typeof stage>>, "call" | "say">) {
  yield* say(wrongForAll)
  return yield* Effect.forEach([1, 2, 3, 4, 5], (user) => Effect.flip(call(user)))
})

describe("A host that refuses log-ins", () => {
  it.effect("is believed as long as it lets most users in", () =>
    Effect.gen(function* () {
      const { call } = yield* stage(wrongFor(3, 6, 9, 12, 15, 18, 21, 24, 27, 30))
      for (let user = 1; user <= 30; user += 1) {
        const exit = yield* Effect.either(call(user))
        expect(exit).toMatchObject(user % 3 === 0 ? { left: refused } : { right: { status: 200 } })
      }
    })
  )

  it.effect("is believed for one user alone, who tries a wrong password again and again", () =>
    Effect.gen(function* () {
      const { call } = yield* stage(wrongForAll)
      for (let time = 0; time < 50; time += 1) {
        expect(yield* Effect.flip(call(1, registrationBudget()))).toBe(refused)
      }
    })
  )

  it.effect("of most users is busy, and costs none of them a log-in but those who were refused first", () =>
    Effect.gen(function* () {
      const all = yield* stage()
      expect(yield* refuseFive(all)).toMatchObject([refused, refused, refused, refused, busy])
      const budget = callbackBudget()
      const before = all.state.asked
      for (let user = 6; user <= 500; user += 1) {
        expect(yield* Effect.flip(all.call(user, budget))).toMatchObject(busy)
      }
      expect(all.state.asked).toBe(before)
      yield* TestClock.adjust(6_000)
      expect(yield* Effect.flip(all.call(6, budget))).toMatchObject(busy)
      expect(all.state.asked).toBe(before + 1)
      expect(budget.allows).toBe(true)
    })
  )

  it.effect("keeps its definite refusals, also of somebody whose log-in was spent before", () =>
    Effect.gen(function* () {
      const { call, say } = yield* stage(wrongForAll)
      const budget = callbackBudget()
      expect(yield* Effect.flip(call(1, budget))).toBe(refused)
      yield* say(() => fine)
      yield* call(2)
      expect(yield* Effect.flip(call(1, budget))).toBe(spent)
    })
  )

  it.effect("of most users gives nobody up whose call was under way", () =>
    Effect.gen(function* () {
      const all = yield* stage((user) => Effect.delay(Effect.fail(refused), user * 100))
      const budgets = Array.from({ length: 20 }, callbackBudget)
      const fibers = yield* Effect.forEach(budgets, (budget, user) =>
        Effect.fork(Effect.flip(all.call(user + 1, budget)))
      )
      yield* TestClock.adjust(10_000)
      const errors = yield* Fiber.joinAll(fibers)
      expect(errors.map(({ _tag }) => _tag)).toEqual([
        ...Array(4).fill("EwsUnauthorized"),
        ...Array(16).fill("EwsBusy")
      ])
      expect(budgets.filter(({ allows }) => allows)).toHaveLength(16)
    })
  )

  it.effect("is no other host's trouble, and none of calls without a log-in", () =>
    Effect.gen(function* () {
      const all = yield* stage()
      yield* refuseFive(all)
      expect(yield* Effect.flip(all.call(9, callbackBudget(), B))).toBe(refused)
      yield* all.say(() => fine)
      yield* all.call(9, callbackBudget(), A, true)
      expect(yield* Effect.flip(all.call(9))).toMatchObject(busy)
    })
  )

  it.effect("of most users is up all the same for the layer that minds its health, too", () =>
    Effect.gen(function* () {
      const all = yield* stage(undefined, (inner) =>
        HttpSessions.pipe(Effect.provide(Throttle.layer), Effect.provideService(HttpSessions, inner))
      )
      yield* refuseFive(all)
      expect(yield* Effect.flip(all.call(9))).toMatchObject(busy)
      expect((yield* Metric.value(TroubleMetrics.hostsDown)).value).toBe(0)
      yield* all.say(() => fine)
      yield* TestClock.adjust(6_000)
      yield* all.call(9)
      yield* all.call(10)
    })
  )

  it.effect("is well again when a probe is let in, and tries what a registration brings", () =>
    Effect.gen(function* () {
      const byProbe = yield* stage()
      yield* refuseFive(byProbe)
      yield* byProbe.say(() => fine)
      yield* TestClock.adjust(6_000)
      yield* byProbe.call(9)
      yield* byProbe.call(10)

      const byRegistration = yield* stage()
      yield* refuseFive(byRegistration)
      expect(yield* Effect.flip(byRegistration.call(8, registrationBudget()))).toMatchObject(busy)
      yield* byRegistration.say(() => fine)
      yield* TestClock.adjust(1)
      expect(yield* Effect.flip(byRegistration.call(10))).toMatchObject(busy)
      yield* byRegistration.call(9, registrationBudget())
      yield* byRegistration.call(10)
    })
  )

  it.effect("is probed again when a probe is given up or finds out nothing", () =>
    Effect.gen(function* () {
      const all = yield* stage()
      yield* refuseFive(all)
      yield* TestClock.adjust(6_000)
      yield* all.say(() => Effect.never)
      const probe = yield* Effect.fork(all.call(9))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(probe)
      const lacking = new EwsRefused({ ...site, responseCode: "no password given", status: 0 })
      yield* all.say(() => Effect.fail(lacking))
      expect(yield* Effect.flip(all.call(10))).toBe(lacking)
      yield* all.say(() => Effect.succeed(answer(503)))
      expect((yield* all.call(11)).status).toBe(503)
      yield* all.say(() => fine)
      yield* all.call(12)
      yield* all.call(13)
    })
  )
})

describe("What an operator sees of refused log-ins", () => {
  it.effect("is a line when most are refused, and one when one is accepted again", () => {
    const lines: Array<LogRecorder.LogLine> = []
    return Effect.gen(function* () {
      const all = yield* stage()
      yield* refuseFive(all)
      for (let user = 100; user < 400; user += 1) {
        yield* TestClock.adjust(1_000)
        yield* Effect.exit(all.call(user))
      }
      yield* all.say(() => fine)
      yield* TestClock.adjust(70_000)
      yield* all.call(1)
      const told = lines.filter(({ level }) => level === "WARN" || level === "INFO")
      expect(told.map(({ level, text }) => [level, text.split(" {")[0]])).toEqual([
        [
          "WARN",
          "Exchange host a.example.com refuses the log-ins of most users; is its directory reachable? Nobody's log-in is given up for it"
        ],
        [
          "INFO",
          expect.stringMatching(
            /^Exchange host a\.example\.com accepts log-ins again after 6 min; 28\d calls were not made$/
          )
        ]
      ])
    }).pipe(Effect.provide(LogRecorder.layer(lines)))
  })

  it.effect("is told once an hour of a host that wavers or does not recover", () => {
    const lines: Array<LogRecorder.LogLine> = []
    return Effect.gen(function* () {
      const all = yield* stage()
      for (let round = 0; round < 20; round += 1) {
        yield* refuseFive(all)
        yield* all.say(() => fine)
        yield* TestClock.adjust(70_000)
        yield* all.call(50 + round)
      }
      expect(lines.filter(({ level }) => level === "WARN")).toHaveLength(1)
      yield* refuseFive(all)
      for (let user = 200; user < 290; user += 1) {
        yield* TestClock.adjust(70_000)
        yield* Effect.exit(all.call(user))
      }
      expect(lines.filter(({ text }) => text.includes("still refuses the log-ins"))).not.toHaveLength(0)
      expect(lines.filter(({ level }) => level === "WARN")).toHaveLength(3)
    }).pipe(Effect.provide(LogRecorder.layer(lines)))
  })

  it.effect("is how many hosts do so, and how many calls were not made for it", () =>
    Effect.gen(function* () {
      const notMade = Effect.map(Metric.value(TroubleMetrics.refused("log-ins")), ({ count }) => count)
      const before = yield* notMade
      const all = yield* stage()
      yield* refuseFive(all)
      expect((yield* Metric.value(TroubleMetrics.hostsRefusingLogIns)).value).toBe(1)
      yield* Effect.exit(all.call(9))
      expect((yield* notMade) - before).toBe(1)
      yield* all.say(() => fine)
      yield* TestClock.adjust(6_000)
      yield* all.call(9)
      expect((yield* Metric.value(TroubleMetrics.hostsRefusingLogIns)).value).toBe(0)
    })
  )
})
