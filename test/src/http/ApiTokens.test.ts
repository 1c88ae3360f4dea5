import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Layer, Option, TestClock } from "effect"
import { hashApiToken } from "../../../layers/crypto/ApiTokenSecret.ts"
import * as MemoryStorage from "../../../layers/storage/MemoryStorage.ts"
import { Storage } from "../../../layers/storage/Storage.ts"
import * as ApiTokens from "../../../src/http/ApiTokens.ts"
import { type Line, makeToken, recordLog } from "../../support/DeviceApiFixture.ts"
import { layerFaulty, StorageFaults } from "../../support/FaultyStorage.ts"

const storageLayer = layerFaulty(MemoryStorage.layer)

/** Tokens over a storage that holds `known`, after whatever `before` did to it. */
const withTokens = <E>(
  body: (lines: ReadonlyArray<Line>) => Effect.Effect<void, E, ApiTokens.ApiTokens | Storage | StorageFaults>,
  before: (faults: StorageFaults["Type"]) => void = () => {}
) =>
  Effect.suspend(() => {
    const lines: Array<Line> = []
    return Effect.gen(function* () {
      yield* makeToken("known")
      before(yield* StorageFaults)
      yield* Effect.provide(body(lines), ApiTokens.layer)
    }).pipe(Effect.provide(Layer.merge(storageLayer, recordLog(lines))))
  })

/** What a request with this token learns: the tenant's name, `none` or `undecided`. */
const ask = (token: string) =>
  Effect.flatMap(ApiTokens.ApiTokens, ({ tenantOf }) => tenantOf(token)).pipe(
    Effect.map(Option.match({ onNone: () => "none", onSome: ({ name }) => name })),
    Effect.catchTags({
      TokenUndecided: () => Effect.succeed("undecided"),
      TokenEnded: (error) => Effect.succeed(error.message)
    })
  )
/** The first reading happens beside the start. */
const started = TestClock.adjust(0)
/** Another token in the place of `known`, which ends after `overlap` ms of the test's clock. */
const rotate = (overlap: number) =>
  Effect.gen(function* () {
    const storage = yield* Storage
    const [known] = yield* storage.listTokens
    const createdAt = yield* Clock.currentTimeMillis
    const next = { hash: hashApiToken("next"), createdAt, until: createdAt + overlap }
    return Option.getOrThrow(yield* storage.rotateToken(known!.id, next))
  })
const lastUsed = Effect.flatMap(Storage, (storage) =>
  Effect.map(storage.listTokens, ([token]) => token?.lastUsedAt)
)
const revokeAll = Effect.flatMap(Storage, (storage) =>
  Effect.flatMap(storage.listTokens, (tokens) =>
    Effect.forEach(tokens, ({ id }) => storage.revokeToken(id), { discard: true })
  )
)

describe("API tokens", () => {
  it.effect("are answered from memory: no request reads storage", () =>
    withTokens(() =>
      Effect.gen(function* () {
        yield* started
        const faults = yield* StorageFaults
        const before = faults.totalCalls()
        for (let i = 0; i < 100; i++) expect(yield* ask("known")).toBe("default")
        expect(faults.totalCalls()).toBe(before)
      })
    )
  )

  it.effect("are known or not without asking anybody, when that is all one may spend on a stranger", () =>
    withTokens(() =>
      Effect.gen(function* () {
        const faults = yield* StorageFaults
        const { knows } = yield* ApiTokens.ApiTokens
        expect(knows("known")).toBe(false)
        yield* started
        const before = faults.totalCalls()
        expect(["known", "new", ""].map(knows)).toEqual([true, false, false])
        expect(faults.totalCalls()).toBe(before)
      })
    )
  )

  it.effect("are found right after they were made, even if they were tried before", () =>
    withTokens(() =>
      Effect.gen(function* () {
        yield* started
        expect(yield* ask("new")).toBe("none")
        yield* makeToken("new", "other")
        const asking = yield* Effect.fork(ask("new"))
        yield* TestClock.adjust("1 seconds")
        expect(yield* Fiber.join(asking)).toBe("other")
      })
    )
  )

  it.effect("that are rubbish cost one cheap question a second, however many come", () =>
    withTokens(() =>
      Effect.gen(function* () {
        yield* started
        const faults = yield* StorageFaults
        const asking = yield* Effect.fork(
          Effect.forEach(
            Array.from({ length: 1000 }, (_, i) => `rubbish ${i}`),
            ask,
            {
              concurrency: "unbounded"
            }
          )
        )
        yield* TestClock.adjust("1 seconds")
        expect(new Set(yield* Fiber.join(asking))).toEqual(new Set(["none"]))
        expect(faults.calls("tokenVersion")).toBeLessThanOrEqual(3)
        expect(faults.calls("tokenDirectory")).toBe(1)
        expect(faults.calls("tenantOfToken")).toBe(0)
      })
    )
  )

  it.effect("that another node revoked are refused within 20 seconds", () =>
    withTokens(() =>
      Effect.gen(function* () {
        yield* started
        yield* revokeAll
        yield* TestClock.adjust("19 seconds")
        expect(yield* ask("known")).toBe("default")
        yield* TestClock.adjust("1 seconds")
        expect(yield* ask("known")).toBe("none")
      })
    )
  )

  it.effect("that were revoked are refused at once after a refresh", () =>
    withTokens(() =>
      Effect.gen(function* () {
        yield* started
        const { refresh } = yield* ApiTokens.ApiTokens
        yield* revokeAll
        yield* refresh
        const asking = yield* Effect.fork(ask("known"))
        yield* TestClock.adjust("1 seconds")
        expect(yield* Fiber.join(asking)).toBe("none")
      })
    )
  )

  it.effect("are read once a second at most, however often a refresh is asked for", () =>
    withTokens(() =>
      Effect.gen(function* () {
        yield* started
        const { refresh } = yield* ApiTokens.ApiTokens
        const faults = yield* StorageFaults
        const before = faults.calls("tokenDirectory")
        yield* refresh
        const asking = yield* Effect.fork(
          Effect.all(
            Array.from({ length: 50 }, () => refresh),
            { concurrency: "unbounded" }
          )
        )
        yield* TestClock.adjust("999 millis")
        expect(faults.calls("tokenDirectory") - before).toBe(1)
        yield* TestClock.adjust("1 millis")
        yield* Fiber.join(asking)
        expect(faults.calls("tokenDirectory") - before).toBe(2)
      })
    )
  )

  it.effect("are read every hour even if nothing seems to have changed", () =>
    withTokens(() =>
      Effect.gen(function* () {
        const faults = yield* StorageFaults
        yield* TestClock.adjust("59 minutes")
        expect(faults.calls("tokenDirectory")).toBe(1)
        yield* TestClock.adjust("2 minutes")
        expect(faults.calls("tokenDirectory")).toBe(2)
      })
    )
  )

  it.effect("that are known stay valid while storage is away, and others are not called wrong", () =>
    withTokens((lines) =>
      Effect.gen(function* () {
        yield* started
        const faults = yield* StorageFaults
        faults.down(true)
        yield* TestClock.adjust("3 hours")
        expect(yield* ask("known")).toBe("default")
        expect(yield* ask("unknown")).toBe("undecided")
        expect(lines.filter(({ level }) => level === "WARN")).toHaveLength(1)
        faults.down(false)
        yield* TestClock.adjust("20 seconds")
        expect(yield* ask("unknown")).toBe("none")
        expect(lines.map(({ text }) => text)).toContain("API tokens can be read again")
      })
    )
  )

  it.effect("are all undecided until the first reading succeeded, which is tried again and again", () =>
    withTokens(
      () =>
        Effect.gen(function* () {
          yield* started
          const faults = yield* StorageFaults
          expect(yield* ask("known")).toBe("undecided")
          const asking = yield* Effect.fork(
            Effect.forEach(
              Array.from({ length: 1000 }, () => "known"),
              ask,
              { concurrency: "unbounded" }
            )
          )
          yield* TestClock.adjust("1 seconds")
          expect(new Set(yield* Fiber.join(asking))).toEqual(new Set(["undecided"]))
          faults.down(false)
          yield* TestClock.adjust("2 seconds")
          const before = faults.totalCalls()
          expect(yield* ask("known")).toBe("default")
          expect(faults.totalCalls()).toBe(before)
        }),
      (faults) => faults.down(true)
    )
  )

  it.effect("let a refresh fail while storage is away", () =>
    withTokens(() =>
      Effect.gen(function* () {
        yield* started
        const faults = yield* StorageFaults
        faults.down(true)
        const { refresh } = yield* ApiTokens.ApiTokens
        expect(Exit.isFailure(yield* Effect.exit(refresh))).toBe(true)
      })
    )
  )

  it.effect("are still looked up after who asked first has hung up", () =>
    withTokens(() =>
      Effect.gen(function* () {
        yield* started
        expect(yield* ask("rubbish")).toBe("none")
        const first = yield* Effect.fork(ask("new"))
        const second = yield* Effect.fork(ask("new"))
        yield* TestClock.adjust("500 millis")
        yield* Fiber.interrupt(first)
        yield* makeToken("new", "other")
        yield* TestClock.adjust("500 millis")
        expect(yield* Fiber.join(second)).toBe("other")
      })
    )
  )

  it.effect("that were replaced end at the very time, though nothing can be read, and never come back", () =>
    withTokens(() =>
      Effect.gen(function* () {
        yield* started
        yield* rotate(120_000)
        yield* TestClock.adjust("20 seconds")
        const faults = yield* StorageFaults
        faults.down(true)
        const { knows } = yield* ApiTokens.ApiTokens
        yield* TestClock.adjust(99_999)
        expect([yield* ask("known"), yield* ask("next")]).toEqual(["default", "default"])
        expect(knows("known")).toBe(true)
        yield* TestClock.adjust(1)
        expect(yield* ask("known")).toContain("was valid until 1970-01-01T00:02:00.000Z")
        expect(yield* ask("next")).toBe("default")
        expect([knows("known"), knows("next")]).toEqual([false, true])
        faults.down(false)
        yield* TestClock.adjust("61 minutes")
        expect(yield* ask("known")).toContain("was valid until")
      })
    )
  )

  it.effect("that end at once are refused after the next look", () =>
    withTokens(() =>
      Effect.gen(function* () {
        yield* started
        yield* rotate(0)
        yield* TestClock.adjust("20 seconds")
        expect(yield* ask("known")).toContain("was valid until")
      })
    )
  )

  it.effect("are told when they were used last, some minutes later, and never before", () =>
    withTokens(() =>
      Effect.gen(function* () {
        yield* started
        yield* TestClock.adjust("1 minutes")
        const faults = yield* StorageFaults
        for (let i = 0; i < 100; i++) yield* ask("known")
        expect(faults.calls("noteTokenUses")).toBe(0)
        yield* TestClock.adjust("1 minutes")
        expect(yield* lastUsed).toBe(60_000)
        yield* TestClock.adjust("10 minutes")
        expect(faults.calls("noteTokenUses")).toBe(1)
      })
    )
  )

  it.effect("lose nothing but time when a use cannot be written", () =>
    withTokens(() =>
      Effect.gen(function* () {
        yield* started
        const faults = yield* StorageFaults
        faults.down(true)
        yield* TestClock.adjust("1 seconds")
        expect(yield* ask("known")).toBe("default")
        yield* TestClock.adjust("10 minutes")
        faults.down(false)
        expect(yield* lastUsed).toBe(null)
        yield* TestClock.adjust("2 minutes")
        expect(yield* lastUsed).toBe(1_000)
      })
    )
  )

  it.effect("have their last use written when the service stops", () =>
    Effect.gen(function* () {
      yield* makeToken("known")
      yield* Effect.provide(Effect.zipRight(TestClock.adjust("1 seconds"), ask("known")), ApiTokens.layer)
      expect(yield* lastUsed).toBe(1_000)
    }).pipe(Effect.provide(storageLayer))
  )

  it.effect("end by the machine's clock as it is now, not as it was when the service started", () => {
    // What has passed since the start, as the process has it, is two months ahead of the clock, or an hour behind.
    let ahead = 60 * 86_400_000
    const ofProcess = (now: bigint) => now + BigInt(ahead) * 1_000_000n
    return Effect.flatMap(Effect.clock, (real) => {
      // Still one that a test can adjust.
      const wrong: Clock.Clock = Object.assign(Object.create(real), {
        currentTimeNanos: Effect.map(real.currentTimeNanos, ofProcess),
        unsafeCurrentTimeNanos: () => ofProcess(real.unsafeCurrentTimeNanos())
      })
      return Effect.withClock(
        withTokens(() =>
          Effect.gen(function* () {
            yield* TestClock.adjust("2 hours")
            yield* rotate(86_400_000)
            yield* TestClock.adjust("20 seconds")
            const { knows } = yield* ApiTokens.ApiTokens
            expect([yield* ask("known"), knows("known")]).toEqual(["default", true])
            ahead = -3_600_000
            yield* Effect.flatMap(Storage, (storage) =>
              Effect.flatMap(Effect.all([storage.listTokens, Clock.currentTimeMillis]), ([[known], at]) =>
                storage.rotateToken(known!.id, { hash: hashApiToken("third"), createdAt: at, until: at })
              )
            )
            yield* TestClock.adjust("20 seconds")
            expect([yield* ask("known"), knows("known")]).toEqual([
              expect.stringContaining("was valid until"),
              false
            ])
          })
        ),
        wrong
      )
    })
  })

  it.effect("are looked up whatever is done to the wall clock", () =>
    withTokens(() =>
      Effect.gen(function* () {
        yield* started
        expect(yield* ask("rubbish")).toBe("none")
        yield* makeToken("new", "other")
        const real = yield* Effect.clock
        const setBack: Clock.Clock = {
          ...real,
          [Clock.ClockTypeId]: Clock.ClockTypeId,
          currentTimeMillis: Effect.map(real.currentTimeMillis, (now) => now - 3_600_000),
          unsafeCurrentTimeMillis: () => real.unsafeCurrentTimeMillis() - 3_600_000,
          currentTimeNanos: real.currentTimeNanos,
          unsafeCurrentTimeNanos: () => real.unsafeCurrentTimeNanos(),
          sleep: (duration) => real.sleep(duration)
        }
        const asking = yield* Effect.fork(Effect.withClock(ask("new"), setBack))
        yield* TestClock.adjust("1 seconds")
        expect(yield* Fiber.join(asking)).toBe("other")
      })
    )
  )
})
