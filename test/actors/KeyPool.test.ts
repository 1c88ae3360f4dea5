import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Layer, Option, TestClock } from "effect"
import { KeyPool, layer } from "../../actors/KeyPool.ts"
import * as LocalMasterKey from "../../layers/crypto/LocalMasterKey.ts"
import { MasterKey } from "../../layers/crypto/MasterKey.ts"
import { RsaKeys } from "../../layers/crypto/RsaKeys.ts"
import { POOL_CONTEXT } from "../../layers/crypto/UserKeyring.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { Troubles } from "../../layers/telemetry/Troubles.ts"
import * as TroublesLive from "../../layers/telemetry/TroublesLive.ts"
import { StorageError } from "../../schemas/StorageError.ts"
import { settingsOf } from "../support/CryptoFixture.ts"

/** Storage and key generation in the test's hands. Keys are just numbered, so that the order can be seen. */
class Bench {
  readonly pool: Array<Uint8Array> = []
  made = 0
  making = 0
  mostAtOnce = 0
  counted = 0
  /** Storage operations that fail. */
  readonly failing = new Set<string>()
  generationFails = false
  /** While set, a key is not finished before it is. */
  gate: Deferred.Deferred<void> | undefined

  readonly #storage = Layer.mock(Storage, {
    location: "memory",
    countPoolKeys: Effect.suspend(() => {
      this.counted++
      return this.#unlessFailing("countPoolKeys", () => this.pool.length)
    }),
    addPoolKeys: (keys) => this.#unlessFailing("addPoolKeys", () => void this.pool.push(...keys)),
    takePoolKey: this.#unlessFailing("takePoolKey", () => Option.fromNullable(this.pool.shift()))
  })

  readonly #rsa = Layer.mock(RsaKeys, {
    decoy: Buffer.alloc(0),
    publicKey: () => Buffer.alloc(0),
    encryptBlocks: () => Buffer.alloc(0),
    generate: Effect.suspend(() => {
      if (this.generationFails) return Effect.die("no entropy")
      this.making++
      this.mostAtOnce = Math.max(this.mostAtOnce, this.making)
      return Effect.as(this.gate === undefined ? Effect.void : Deferred.await(this.gate), undefined)
    }).pipe(
      Effect.map(() => {
        this.making--
        return Buffer.from(`key ${++this.made}`)
      })
    )
  })

  /** The pool in the scope of the test. */
  start(keyPool: { readonly batch: number; readonly threshold: number; readonly interval: number }) {
    return layer.pipe(
      Layer.provideMerge(
        Layer.mergeAll(this.#storage, this.#rsa, LocalMasterKey.layerTest, settingsOf({ keyPool }))
      ),
      Layer.build,
      Effect.map((context) => ({
        ...Context.get(context, KeyPool),
        open: (key: Uint8Array) =>
          Effect.map(Context.get(context, MasterKey).unwrap(key, POOL_CONTEXT), (plain) => plain.toString())
      }))
    )
  }

  #unlessFailing<A>(operation: string, run: () => A) {
    return Effect.suspend(() =>
      this.failing.has(operation)
        ? Effect.fail(new StorageError({ operation, transient: true, cause: "test" }))
        : Effect.sync(run)
    )
  }
}

const settings = { batch: 12, threshold: 6, interval: 7_200_000 }
/** Longer than the tracker needs for a batch, far shorter than its interval. */
const aWhile = TestClock.adjust("10 seconds")

describe("at start", () => {
  it.scoped("an empty pool is filled by a batch, behind the back of who starts", () =>
    Effect.gen(function* () {
      const bench = new Bench()
      yield* bench.start(settings)
      assert.strictEqual(bench.pool.length, 0)
      yield* aWhile
      assert.strictEqual(bench.pool.length, 12)
      assert.strictEqual(bench.mostAtOnce, 1)
    })
  )

  it.scoped("a pool at the threshold is left alone", () =>
    Effect.gen(function* () {
      const bench = new Bench()
      bench.pool.push(...Array.from({ length: 6 }, () => Buffer.from("old")))
      yield* bench.start(settings)
      yield* aWhile
      assert.strictEqual(bench.made, 0)
    })
  )

  it.scoped("the first keys can be had before the batch is finished", () =>
    Effect.gen(function* () {
      const bench = new Bench()
      const pool = yield* bench.start(settings)
      const key = yield* pool.take
      assert.match(yield* pool.open(key), /^key \d+$/)
      assert.isBelow(bench.made, 12)
    })
  )
})

describe("a pool that runs dry", () => {
  it.scoped("is reported until it is filled, but not while it is filled for the first time", () =>
    Effect.gen(function* () {
      const faults = Effect.flatMap(Troubles, ({ current }) =>
        Effect.map(current, (all) => all.map(({ fault }) => fault))
      )
      const bench = new Bench()
      const pool = yield* bench.start(settings)
      yield* pool.take
      assert.deepStrictEqual(yield* faults, [])
      yield* aWhile
      bench.pool.length = 0
      yield* pool.take
      assert.deepStrictEqual(yield* faults, ["key-pool-empty"])
      yield* aWhile
      assert.deepStrictEqual(yield* faults, [])
    }).pipe(Effect.provide(TroublesLive.layer))
  )
})

describe("a take", () => {
  it.scoped("gives keys that nobody else gets", () =>
    Effect.gen(function* () {
      const bench = new Bench()
      const pool = yield* bench.start(settings)
      yield* aWhile
      const keys = yield* Effect.all(
        Array.from({ length: 30 }, () => Effect.flatMap(pool.take, pool.open)),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(new Set(keys).size, 30)
    })
  )

  it.scoped("under the threshold has the pool filled at once, not at the next interval", () =>
    Effect.gen(function* () {
      const bench = new Bench()
      const pool = yield* bench.start(settings)
      yield* aWhile
      for (let n = 0; n < 6; n++) yield* pool.take
      yield* aWhile
      assert.strictEqual(bench.pool.length, 6)
      assert.strictEqual(bench.made, 12)
      yield* pool.take
      yield* aWhile
      assert.strictEqual(bench.pool.length, 17)
    })
  )

  it.scoped("by who has a key already takes none of the last ones, and has the pool filled", () =>
    Effect.gen(function* () {
      const bench = new Bench()
      const pool = yield* bench.start(settings)
      yield* aWhile
      bench.gate = yield* Deferred.make<void>()
      for (let n = 0; n < 8; n++) yield* pool.take
      assert.isTrue(Option.isSome(yield* pool.takeSpare))
      assert.isTrue(Option.isNone(yield* pool.takeSpare))
      assert.strictEqual(bench.pool.length, 3)
      yield* Deferred.succeed(bench.gate, undefined)
      yield* aWhile
      assert.isTrue(Option.isSome(yield* pool.takeSpare))
      const none = yield* new Bench().start({ ...settings, batch: 0, threshold: 0 })
      assert.isTrue(Option.isSome(yield* none.takeSpare))
    })
  )

  it.scoped("of an exhausted pool makes a key on the spot", () =>
    Effect.gen(function* () {
      const bench = new Bench()
      const pool = yield* bench.start({ ...settings, batch: 0, threshold: 0 })
      assert.strictEqual(yield* Effect.flatMap(pool.take, pool.open), "key 1")
      assert.strictEqual(bench.pool.length, 0)
    })
  )

  it.scoped(
    "in a rush never has more than two keys in the making, and uses what the tracker has stored",
    () =>
      Effect.gen(function* () {
        const bench = new Bench()
        const gate = yield* Deferred.make<void>()
        bench.gate = gate
        const pool = yield* bench.start(settings)
        const rush = yield* Effect.fork(
          Effect.all(
            Array.from({ length: 50 }, () => pool.take),
            { concurrency: "unbounded" }
          )
        )
        yield* TestClock.adjust("1 second")
        assert.strictEqual(bench.making, 2)
        bench.pool.push(...Array.from({ length: 40 }, () => Buffer.from("stored meanwhile")))
        yield* Deferred.succeed(gate, undefined)
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* Fiber.join(rush)).length, 50)
        assert.strictEqual(bench.mostAtOnce, 2)
        assert.isBelow(bench.made, 30)
      })
  )

  it.scoped("fails when storage does, not otherwise", () =>
    Effect.gen(function* () {
      const bench = new Bench()
      const pool = yield* bench.start(settings)
      bench.failing.add("takePoolKey")
      assert.deepInclude(yield* Effect.flip(pool.take), { operation: "takePoolKey" })
      bench.failing.clear()
      bench.failing.add("countPoolKeys").add("addPoolKeys")
      yield* pool.take
    })
  )
})

describe("the tracker", () => {
  it.scoped("looks every interval, for other nodes take from the pool too", () =>
    Effect.gen(function* () {
      const bench = new Bench()
      yield* bench.start(settings)
      yield* aWhile
      bench.pool.length = 2
      yield* TestClock.adjust("119 minutes")
      assert.strictEqual(bench.pool.length, 2)
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(bench.pool.length, 14)
    })
  )

  it.scoped("makes exactly the batch, whatever its size", () =>
    Effect.gen(function* () {
      const bench = new Bench()
      yield* bench.start({ ...settings, batch: 13 })
      yield* aWhile
      assert.strictEqual(bench.pool.length, 13)
    })
  )

  it.scoped("outlives a failure to make keys, and tries again by itself", () =>
    Effect.gen(function* () {
      const bench = new Bench()
      bench.generationFails = true
      yield* bench.start(settings)
      yield* aWhile
      assert.strictEqual(bench.pool.length, 0)
      bench.generationFails = false
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(bench.pool.length, 12)
    })
  )

  it.scoped(
    "asks failing storage less and less often, however many keys are taken, and fills the pool once it can",
    () =>
      Effect.gen(function* () {
        const bench = new Bench()
        bench.failing.add("countPoolKeys")
        const pool = yield* bench.start(settings)
        for (let n = 0; n < 180; n++) {
          yield* pool.take
          yield* TestClock.adjust("1 second")
        }
        // At 0, 1 and 3 minutes.
        assert.strictEqual(bench.counted, 3)
        bench.failing.clear()
        yield* TestClock.adjust("5 minutes")
        assert.strictEqual(bench.pool.length, 12)
      })
  )

  it.effect("stops with the scope of the layer", () =>
    Effect.gen(function* () {
      const bench = new Bench()
      yield* Effect.scoped(Effect.zipRight(bench.start(settings), TestClock.adjust("50 millis")))
      const made = bench.made
      assert.isAbove(made, 0)
      yield* TestClock.adjust("5 hours")
      assert.strictEqual(bench.made, made)
    })
  )
})
