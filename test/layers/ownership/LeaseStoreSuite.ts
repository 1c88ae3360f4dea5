import type { SqlClient } from "@effect/sql/SqlClient"
import { expect, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import * as LeaseStore from "../../../layers/ownership/LeaseStore.ts"

/** What every database must answer; `empty` is one with the schema and nothing in it. */
export const leaseStoreSuite = (empty: Effect.Effect<SqlClient, unknown, Scope.Scope>) => {
  const test = (title: string, body: (given: Given) => Effect.Effect<void, unknown>) =>
    it.scopedLive(title, () =>
      Effect.flatMap(empty, (sql) =>
        body({
          store: LeaseStore.make(sql),
          pass: (ms) => Effect.asVoid(sql`UPDATE leases SET expires_at = expires_at - ${ms}`),
          epochForWriters: Effect.map(sql<{ epoch: number }>`SELECT epoch FROM epochs`, (rows) =>
            rows.map(({ epoch }) => epoch)
          )
        })
      )
    )

  test("the first who asks gets the lease, others hear who has it and for how long", ({
    epochForWriters,
    store
  }) =>
    Effect.gen(function* () {
      expect(yield* store.acquire("a", "host of a")).toEqual({ epoch: 1 })
      expect(yield* epochForWriters).toEqual([1])
      const other = yield* store.acquire("b", "host of b")
      expect(other).toEqual({ heldBy: "host of a", forAnother: expect.any(Number) })
      expect((other as LeaseStore.Held).forAnother).toBeLessThanOrEqual(30_000)
      expect((other as LeaseStore.Held).forAnother).toBeGreaterThan(20_000)
      expect(yield* epochForWriters).toEqual([1])
    }))

  test("a lease that has expired goes to who asks next, with the next number for writers too", ({
    epochForWriters,
    pass,
    store
  }) =>
    Effect.gen(function* () {
      yield* store.acquire("a", "host of a")
      yield* pass(29_000)
      expect(yield* store.acquire("b", "host of b")).toHaveProperty("heldBy")
      yield* pass(1_001)
      expect(yield* store.acquire("b", "żółć 日本")).toEqual({ epoch: 2 })
      expect(yield* epochForWriters).toEqual([2])
      expect(yield* store.renew("a", 1)).toBe(false)
      expect(yield* store.acquire("a", "host of a")).toMatchObject({ heldBy: "żółć 日本" })
    }))

  test("a renewal makes it last anew, also after it expired while nobody wanted it", ({ pass, store }) =>
    Effect.gen(function* () {
      yield* store.acquire("a", "host of a")
      for (const ms of [20_000, 20_000, 500_000]) {
        yield* pass(ms)
        expect(yield* store.renew("a", 1)).toBe(true)
      }
      expect((yield* store.acquire("b", "host of b")) as LeaseStore.Held).toMatchObject({
        heldBy: "host of a"
      })
      expect(yield* store.renew("a", 2)).toBe(false)
      expect(yield* store.renew("b", 1)).toBe(false)
    }))

  test("who asks for what he has gets a new tenure, because he did not hear of the last one", ({
    epochForWriters,
    store
  }) =>
    Effect.gen(function* () {
      yield* store.acquire("a", "host of a")
      expect(yield* store.acquire("a", "host of a")).toEqual({ epoch: 2 })
      expect(yield* epochForWriters).toEqual([2])
    }))

  test("what is given back may be taken at once, and only its holder gives it back", ({ store }) =>
    Effect.gen(function* () {
      yield* store.acquire("a", "host of a")
      yield* store.release("b")
      expect(yield* store.acquire("b", "host of b")).toHaveProperty("heldBy")
      yield* store.release("a")
      expect(yield* store.renew("a", 1)).toBe(false)
      expect(yield* store.acquire("b", "host of b")).toEqual({ epoch: 2 })
      yield* store.release("a")
      expect(yield* store.renew("b", 2)).toBe(true)
    }))

  test("of twenty who ask at the same time one gets it, the first time and every time it is free", ({
    epochForWriters,
    pass,
    store
  }) =>
    Effect.gen(function* () {
      for (let round = 1; round <= 5; round++) {
        const answers = yield* Effect.all(
          Array.from({ length: 20 }, (_, index) => store.acquire(`${round}-${index}`, "a host")),
          { concurrency: "unbounded" }
        )
        expect(answers.filter((answer) => "epoch" in answer)).toEqual([{ epoch: round }])
        expect(yield* epochForWriters).toEqual([round])
        yield* pass(60_000)
      }
    }))
}

interface Given {
  readonly store: LeaseStore.LeaseStore
  /** Lets time pass for the lease (ms). */
  readonly pass: (ms: number) => Effect.Effect<void, unknown>
  readonly epochForWriters: Effect.Effect<ReadonlyArray<number>, unknown>
}
