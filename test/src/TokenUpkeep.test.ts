import { expect, it } from "@effect/vitest"
import { Clock, Effect, Layer, TestClock } from "effect"
import * as LocalMasterKey from "../../layers/crypto/LocalMasterKey.ts"
import * as ServiceKeys from "../../layers/crypto/ServiceKeys.ts"
import * as Ownership from "../../layers/ownership/Ownership.ts"
import * as MemoryStorage from "../../layers/storage/MemoryStorage.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import * as Housekeeping from "../../src/Housekeeping.ts"
import * as TokenUpkeep from "../../src/TokenUpkeep.ts"
import { hashOf } from "../layers/storage/Samples.ts"
import { settingsOf } from "../support/CryptoFixture.ts"
import { type Line, makeToken, recordLog } from "../support/DeviceApiFixture.ts"
import * as Actors from "../support/FakeSubscriptions.ts"
import { layerFaulty, StorageFaults } from "../support/FaultyStorage.ts"

const DAY = 86_400_000

const withLines = <E>(
  body: (said: () => ReadonlyArray<string>) => Effect.Effect<void, E, Storage | StorageFaults>
) =>
  Effect.suspend(() => {
    const lines: Array<Line> = []
    const said = () => lines.splice(0).map(({ level, text }) => `${level} ${text}`)
    return Effect.provide(body(said), Layer.merge(layerFaulty(MemoryStorage.layer), recordLog(lines)))
  })

it.effect("a token that ends within a week is told of each day while somebody uses it", () =>
  withLines((said) =>
    Effect.gen(function* () {
      const storage = yield* Storage
      const lookAfterTokens = yield* TokenUpkeep.make
      const { id } = yield* makeToken("old")
      const admin = yield* storage.createAdminToken({ label: "night", hash: hashOf("a"), createdAt: 0 })
      const next = { hash: hashOf("new"), createdAt: 0, until: 10 * DAY }
      yield* storage.rotateToken(id, next)
      yield* storage.rotateAdminToken(admin.id, next)
      yield* storage.noteTokenUses([{ id, at: DAY }])
      yield* storage.noteAdminTokenUses([{ id: admin.id, at: 4 * DAY }])
      yield* lookAfterTokens
      expect(said()).toEqual([])
      yield* TestClock.adjust("3 days")
      yield* lookAfterTokens
      expect(said()).toEqual([
        expect.stringMatching(
          /^WARN API token \S+ \(test\) of tenant default ends at 1970-01-11T.*phones still use it/
        ),
        expect.stringMatching(/^WARN admin token admin-\S+ \(night\) ends at 1970-01-11T/)
      ])
      // Nobody has shown the first for a week.
      yield* TestClock.adjust("6 days")
      yield* lookAfterTokens
      expect(said()).toEqual([expect.stringContaining("admin token")])
      yield* TestClock.adjust("1 days")
      yield* lookAfterTokens
      expect(said()).toEqual([])
    })
  )
)

it.effect("a token that nobody has shown since it was replaced is not told of, however soon it ends", () =>
  withLines((said) =>
    Effect.gen(function* () {
      const storage = yield* Storage
      const lookAfterTokens = yield* TokenUpkeep.make
      yield* TestClock.adjust("5 days")
      const { id } = yield* makeToken("old")
      yield* storage.noteTokenUses([{ id, at: 5 * DAY }])
      yield* storage.rotateToken(id, { hash: hashOf("new"), createdAt: 5 * DAY, until: 7 * DAY })
      yield* lookAfterTokens
      expect(said()).toEqual([])
      yield* storage.noteTokenUses([{ id, at: 5 * DAY + 1 }])
      yield* lookAfterTokens
      expect(said()).toEqual([expect.stringContaining("phones still use it")])
    })
  )
)

it.effect("tokens go 30 days after they ended", () =>
  withLines((said) =>
    Effect.gen(function* () {
      const storage = yield* Storage
      const lookAfterTokens = yield* TokenUpkeep.make
      const { id } = yield* makeToken("old")
      yield* storage.rotateToken(id, { hash: hashOf("new"), createdAt: 0, until: DAY })
      for (let day = 0; day <= 31; day++) {
        yield* lookAfterTokens
        expect(yield* storage.listTokens).toHaveLength(2)
        if (day < 31) yield* TestClock.adjust("1 days")
      }
      said()
      yield* TestClock.adjust("1 millis")
      yield* lookAfterTokens
      expect((yield* storage.listTokens).map(({ expiresAt }) => expiresAt)).toEqual([null])
      expect(said()).toEqual(["INFO 1 tokens that ended 30 days ago were removed"])
    })
  )
)

it.effect(
  "a start with a clock that is months ahead removes no token, if it is set right within a week",
  () =>
    withLines((said) =>
      Effect.gen(function* () {
        const storage = yield* Storage
        const { id } = yield* makeToken("old")
        yield* storage.rotateToken(id, { hash: hashOf("new"), createdAt: 0, until: 30 * DAY })
        const real = yield* Effect.clock
        let ahead = 90 * DAY
        const wall: Clock.Clock = {
          ...real,
          [Clock.ClockTypeId]: Clock.ClockTypeId,
          currentTimeMillis: Effect.map(real.currentTimeMillis, (now) => now + ahead),
          unsafeCurrentTimeMillis: () => real.unsafeCurrentTimeMillis() + ahead,
          // As it was when the process started.
          currentTimeNanos: Effect.map(real.currentTimeNanos, (now) => now + BigInt(90 * DAY) * 1_000_000n),
          unsafeCurrentTimeNanos: () => real.unsafeCurrentTimeNanos() + BigInt(90 * DAY) * 1_000_000n,
          sleep: (duration) => real.sleep(duration)
        }
        const look = Effect.withClock(yield* TokenUpkeep.make, wall)
        for (let day = 0; day < 7; day++) {
          yield* look
          yield* TestClock.adjust("1 days")
        }
        const told = said()
        expect(told).toHaveLength(7)
        expect(told[0]).toBe(
          "INFO 1 tokens that ended 30 days ago will be removed in 7 days, counted anew from a restart; if today is not 1970-04-01, set the clock right before"
        )
        expect(told[6]).toContain("removed tomorrow,")
        ahead = 0
        yield* look
        expect(said()).toEqual([])
        expect(yield* storage.listTokens).toHaveLength(2)
        ahead = 90 * DAY
        yield* look
        expect(yield* storage.listTokens).toHaveLength(1)
      })
    )
)

it.effect("storage that is away is one warning", () =>
  withLines((said) =>
    Effect.gen(function* () {
      const faults = yield* StorageFaults
      faults.down(true)
      yield* Effect.flatten(TokenUpkeep.make)
      expect(said()).toEqual([expect.stringContaining("WARN tokens are looked after tomorrow")])
    })
  )
)

it.scoped("tokens are looked after once a day, from the second hour on", () => {
  const retain = { devices: undefined, lost: undefined, events: undefined }
  const layer = Layer.mergeAll(Housekeeping.layer, recordLog([])).pipe(
    Layer.provide(Layer.mergeAll(Ownership.layerAll, Actors.layer, settingsOf({ retain }))),
    Layer.provide(Layer.provide(ServiceKeys.layerDerived, LocalMasterKey.layerTest)),
    Layer.provideMerge(layerFaulty(MemoryStorage.layer))
  )
  return Effect.gen(function* () {
    const faults = yield* StorageFaults
    yield* TestClock.adjust("75 minutes")
    expect(faults.calls("listTokens")).toBe(1)
    yield* TestClock.adjust("24 hours")
    expect(faults.calls("listTokens")).toBe(2)
  }).pipe(Effect.provide(layer))
})
