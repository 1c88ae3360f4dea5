import type { SqlError } from "@effect/sql/SqlError"
import { describe, expect, it } from "@effect/vitest"
import { Effect, FastCheck, Fiber } from "effect"
import type { Reply, TdsServer } from "../../../support/TdsServer.ts"
import { done, rowTokens } from "../../../support/TdsServerWire.ts"
import { eventually, inWorld, isHealthy } from "./Fixture.ts"

const rows = rowTokens(["n"], [[1], [2]])

const replies: ReadonlyArray<Reply> = [
  { count: 1 },
  { after: 5, reply: { count: 1 } },
  { after: 30, reply: { error: 1205, class: 13 } },
  { error: 2627, class: 14 },
  { error: 207 },
  { error: 596, class: 21 },
  { error: 3906 },
  { begun: [rows] },
  { tokens: [Buffer.from([0x42])] },
  { tokens: [done("done", 0).subarray(0, 5)] },
  "never",
  "never",
  "drop"
]

const step = FastCheck.record({
  kind: FastCheck.constantFrom<"read" | "write" | "fenced" | "transaction" | "nested">(
    "read",
    "write",
    "fenced",
    "transaction",
    "nested"
  ),
  reply: FastCheck.constantFrom(...replies),
  /** ms from the start, and until the caller is interrupted. */
  at: FastCheck.integer({ min: 0, max: 60 }),
  patience: FastCheck.option(FastCheck.integer({ min: 0, max: 80 }), { nil: undefined })
})

const schedule = FastCheck.record({
  steps: FastCheck.array(step, { minLength: 1, maxLength: 14 }),
  attention: FastCheck.constantFrom<TdsServer["attention"]>("quiet", "told", "kept", "kept", "ignored"),
  tells: FastCheck.boolean(),
  restart: FastCheck.option(FastCheck.integer({ min: 0, max: 80 }), { nil: undefined })
})

describe("whatever happens to the callers and the server", () => {
  for (const [index, plan] of FastCheck.sample(schedule, 25).entries()) {
    it.scopedLive(
      `no turn is lost, and no connection stays in a transaction: schedule ${index}`,
      inWorld(
        ({ server, sql }) =>
          Effect.gen(function* () {
            server.attention = plan.attention
            server.tells = plan.tells
            const fenced = sql.fencedBy(() => 0)
            const callers = plan.steps.map((step, n) => {
              server.when(new RegExp(`STEP${n}\\b`), step.reply)
              const write = sql`UPDATE t SET n = ${sql.literal(`STEP${n}`)}`
              const work: Effect.Effect<unknown, SqlError> = {
                read: sql`SELECT n FROM ${sql.literal(`STEP${n}`)}`,
                write,
                fenced: fenced`UPDATE t SET n = ${sql.literal(`STEP${n}`)}`,
                transaction: sql.withTransaction(Effect.zipRight(sql`UPDATE t SET n = 0`, write)),
                nested: sql.withTransaction(Effect.ignore(sql.withTransaction(write)))
              }[step.kind]
              return Effect.gen(function* () {
                yield* Effect.sleep(step.at)
                const fiber = yield* Effect.fork(work)
                if (step.patience === undefined) return yield* Fiber.await(fiber)
                yield* Effect.sleep(step.patience)
                return yield* Fiber.interrupt(fiber)
              })
            })
            const restart =
              plan.restart === undefined
                ? Effect.void
                : Effect.delay(Effect.zipRight(server.stop, server.start), plan.restart)
            yield* Effect.all([...callers, restart], { concurrency: "unbounded" })
            yield* eventually(() => server.openTransactions() === 0)
            server.attention = "quiet"
            server.statements.length = 0
            const healthy = yield* isHealthy(server, sql).pipe(Effect.retry({ times: 5 }))
            expect([healthy, plan]).toEqual([true, plan])
            expect(server.openConnections()).toBeLessThanOrEqual(3)
            // All three turns at once.
            server.when(/TURN/, "never")
            const all = yield* Effect.forkAll(
              [1, 2, 3].map(() => Effect.ignore(sql`UPDATE t SET n = 'TURN'`))
            )
            yield* eventually(() => server.texts().filter((text) => text.includes("TURN")).length >= 3)
            yield* Fiber.interrupt(all)
          }),
        { requestTimeout: 400, connectTimeout: 1500 }
      )
    )
  }
})
