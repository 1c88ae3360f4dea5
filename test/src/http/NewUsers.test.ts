import { describe, expect, it } from "@effect/vitest"
import { ConfigProvider, Deferred, Effect, Fiber } from "effect"
import { TenantNumber, userIdOfAddress } from "../../../schemas/Ids.ts"
import { table } from "../../../src/config/Table.ts"
import { NewUsers } from "../../../src/http/NewUsers.ts"

const RATE = { count: 2, per: 60_000, burst: 2 }
const [one, two] = [TenantNumber.make(1), TenantNumber.make(2)]
const user = (n: number) => userIdOfAddress(`user${n}@example.com`)

describe("new users", () => {
  it("are few at once, apart for each tenant, and one who registers makes room for another", () => {
    const users = new NewUsers(RATE)
    expect([1, 2].map((n) => users.take(one, user(n), 0))).toEqual([0, 0])
    expect(users.take(one, user(3), 0)).toBeCloseTo(30_000)
    expect(users.take(two, user(3), 0)).toBe(0)
    users.giveBack(one, user(1), 0)
    expect(users.take(one, user(3), 0)).toBe(0)
    expect(users.take(one, user(4), 0)).toBeGreaterThan(0)
  })

  it("make room once: neither a second registration nor one of somebody known before does", () => {
    const users = new NewUsers(RATE)
    for (const n of [1, 2]) users.take(one, user(n), 0)
    users.giveBack(one, user(9), 0)
    users.giveBack(two, user(1), 0)
    expect(users.take(one, user(3), 0)).toBeGreaterThan(0)
    // It was nobody of that tenant's, and stays that of the other.
    for (let i = 0; i < 5; i++) users.giveBack(one, user(1), 0)
    expect(users.take(one, user(3), 0)).toBe(0)
    expect(users.take(one, user(4), 0)).toBeGreaterThan(0)
  })

  it("are remembered up to a bound, the latest ones", () => {
    const users = new NewUsers({ count: 1000, per: 1, burst: 1000 }, 10)
    for (let n = 0; n < 100; n++) users.take(one, user(n), 0)
    const full = new NewUsers({ count: 100, per: 60_000, burst: 100 }, 10)
    for (let n = 0; n < 100; n++) full.take(one, user(n), 0)
    full.giveBack(one, user(0), 0)
    expect(full.take(one, user(200), 0)).toBeGreaterThan(0)
    full.giveBack(one, user(99), 0)
    expect(full.take(one, user(200), 0)).toBe(0)
  })

  it.effect(
    "that are made at the same time are made one after another, also when the first one hangs up",
    () =>
      Effect.gen(function* () {
        const users = new NewUsers(undefined)
        const order: Array<string> = []
        const never = yield* Deferred.make<void>()
        const making = (name: string, until: Effect.Effect<void>) =>
          Effect.fork(
            users.inTurn(one, user(1), Effect.sync(() => order.push(name)).pipe(Effect.zipRight(until)))
          )
        const first = yield* making("first", Deferred.await(never))
        yield* Effect.yieldNow()
        const second = yield* making("second", Effect.void)
        yield* users.inTurn(
          one,
          user(2),
          Effect.sync(() => order.push("another user"))
        )
        expect(order).toEqual(["first", "another user"])
        yield* Fiber.interrupt(first)
        yield* Fiber.join(second)
        expect(order).toEqual(["first", "another user", "second"])
      })
  )

  it("of an honest roll-out are not refused by default, though registering takes time and some never manage", () => {
    const rate = Effect.runSync(
      Effect.withConfigProvider(table.limitNewUsers.config, ConfigProvider.fromMap(new Map()))
    )
    /** Refusals while so many phones come in a second, and register so many seconds later but for a part that never does. */
    const rollOut = (perSecond: number, latency: number, failing: number) => {
      const users = new NewUsers(rate)
      const phones = Array.from({ length: 20_000 }, (_, n) => n)
      const events = phones.flatMap((n) => {
        const at = (n / perSecond) * 1000
        const comes = { at, run: () => users.take(one, user(n), at) > 0 }
        const later = at + latency * 1000
        const registers = { at: later, run: () => void users.giveBack(one, user(n), later) }
        return n % 100 < failing * 100 ? [comes] : [comes, registers]
      })
      return events.sort((a, b) => a.at - b.at).filter(({ run }) => run() === true).length
    }
    expect(rollOut(5.5, 10, 0.3)).toBe(0)
    expect(rollOut(5.5, 120, 0)).toBe(0)
    expect(rollOut(33, 10, 0.05)).toBe(0)
    expect(rollOut(100, 4, 0.01)).toBe(0)
    // Who has only a token makes few.
    expect(rollOut(100, 0, 1)).toBeGreaterThan(19_000)
  })
})
