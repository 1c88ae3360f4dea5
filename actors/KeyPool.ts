import { Cause, Context, Duration, Effect, Layer, Option, Queue, Schedule } from "effect"
import { MasterKey } from "../layers/crypto/MasterKey.ts"
import { RsaKeys } from "../layers/crypto/RsaKeys.ts"
import { POOL_CONTEXT } from "../layers/crypto/UserKeyring.ts"
import { Storage } from "../layers/storage/Storage.ts"
import { reportTrouble, settleTrouble } from "../layers/telemetry/Troubles.ts"
import { Settings } from "../schemas/Settings.ts"
import type { StorageError } from "../schemas/StorageError.ts"
import type { Unavailable } from "./Subscriptions.ts"

/**
 * RSA key pairs made ahead of need (ENS2's "RSA key tracker"), because making one keeps a thread busy for some 40 ms (at
 * times for a multiple of it) and a roll-out asks for thousands.
 */
export class KeyPool extends Context.Tag("ens/KeyPool")<
  KeyPool,
  {
    /**
     * A private key that nobody else gets, wrapped by the master key under `POOL_CONTEXT`. An empty pool makes one on
     * demand. `Unavailable`: this node is a standby.
     */
    readonly take: Effect.Effect<Uint8Array, StorageError | Unavailable>
    /**
     * The same for whoever has a key already: none while the pool has fewer than half of what it is refilled at, so that many
     * old keys at once cost no new user the time to make one.
     */
    readonly takeSpare: Effect.Effect<Option.Option<Uint8Array>, StorageError | Unavailable>
  }
>() {}

/**
 * The pool, and the fiber that fills it: by a batch whenever fewer than the threshold are left, looked at once at start,
 * every interval, and when a `take` finds it low.
 */
export const layer: Layer.Layer<KeyPool, never, Settings | Storage | MasterKey | RsaKeys> = Layer.scoped(
  KeyPool,
  Effect.gen(function* () {
    const { batch, interval, threshold } = (yield* Settings).keyPool
    const storage = yield* Storage
    const master = yield* MasterKey
    const rsa = yield* RsaKeys

    const low = yield* Queue.sliding<void>(1)
    const generators = yield* Effect.makeSemaphore(MAX_GENERATORS)
    // Not counted at each take; other nodes take from the same pool too, so this is only a reason to look.
    let believedLeft = Number.POSITIVE_INFINITY
    /** Before it was filled the first time, nobody needs to be told that it is empty. */
    let isBegun = false

    const makeKey = Effect.map(rsa.generate, (key) => {
      const wrapped = master.wrap(key, POOL_CONTEXT)
      key.fill(0)
      return wrapped
    })

    const makeOnDemand = generators.withPermits(1)(
      // While this one waited its turn the tracker may have stored some.
      Effect.flatMap(storage.takePoolKey, Option.match({ onNone: () => makeKey, onSome: Effect.succeed }))
    )

    const take = Effect.gen(function* () {
      const key = yield* storage.takePoolKey
      believedLeft = Option.isSome(key) ? believedLeft - 1 : 0
      if (believedLeft < threshold) yield* Queue.offer(low, undefined)
      if (Option.isSome(key)) return key.value
      if (isBegun)
        yield* reportTrouble({
          fault: "key-pool-empty",
          where: POOL,
          what: `a key is made on demand; the pool is refilled below ${threshold}, by ${batch}`
        })
      return yield* makeOnDemand
    })

    const takeSpare = Effect.suspend(() =>
      believedLeft > threshold / 2 || threshold === 0
        ? Effect.asSome(take)
        : Effect.as(Queue.offer(low, undefined), Option.none<Uint8Array>())
    )

    const makeSome = Effect.fnUntraced(function* (count: number) {
      const keys: Array<Uint8Array> = []
      while (keys.length < count) {
        const [took, key] = yield* Effect.timed(generators.withPermits(1)(makeKey))
        keys.push(key)
        yield* Effect.sleep(Duration.max(took, SHORTEST_PAUSE))
      }
      yield* storage.addPoolKeys(keys)
    })

    const fillIfLow = Effect.gen(function* () {
      believedLeft = yield* storage.countPoolKeys
      if (believedLeft >= threshold) return
      yield* Effect.logInfo(`RSA key pool: ${believedLeft} left, making ${batch}`)
      for (let made = 0; made < batch; made += STORED_TOGETHER) {
        const count = Math.min(STORED_TOGETHER, batch - made)
        yield* makeSome(count)
        believedLeft += count
      }
      if (batch > 0) yield* settleTrouble("key-pool-empty", POOL)
      yield* Effect.logInfo(`RSA key pool: ${batch} made`)
    })

    const warn = (cause: Cause.Cause<StorageError>) =>
      Effect.logWarning(
        `RSA key pool cannot be filled, keys are made on demand meanwhile. ${Cause.pretty(cause)}`
      )

    yield* fillIfLow.pipe(
      Effect.ensuring(
        Effect.sync(() => {
          isBegun = true
        })
      ),
      Effect.tapErrorCause(warn),
      // A defect of one key must not end the tracker either.
      Effect.sandbox,
      Effect.retry(RETRIES),
      Effect.zipRight(Effect.timeoutOption(Queue.take(low), Duration.millis(interval))),
      Effect.forever,
      Effect.forkScoped
    )

    return { take, takeSpare }
  })
)

/** Where its troubles are. */
const POOL = "the key pool"

/** Keys in the making at once, the tracker's included: half of Node's four threads, which also serve files and DNS. */
const MAX_GENERATORS = 2
/** The tracker rests after a key for as long as the key took, at least this: half of one core is the most it uses. */
const SHORTEST_PAUSE = Duration.millis(20)
/** Few enough that a shortage ends soon and a stop loses little, many enough to save transactions. */
const STORED_TOGETHER = 5
/** After 1, 2, 4, 8 minutes, then every 15. */
const RETRIES = Schedule.union(
  Schedule.exponential(Duration.minutes(1)),
  Schedule.spaced(Duration.minutes(15))
)
