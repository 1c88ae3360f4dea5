import { Clock, Effect } from "effect"
import { MasterKey } from "../../layers/crypto/MasterKey.ts"
import * as NodeRsaKeys from "../../layers/crypto/NodeRsaKeys.ts"
import { RsaKeys } from "../../layers/crypto/RsaKeys.ts"
import { POOL_CONTEXT } from "../../layers/crypto/UserKeyring.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { Progress } from "./Progress.ts"

/**
 * Makes RSA keys ahead until the pool has so many, for at most 20 s; answers how many were made, also if it was interrupted
 * or storage failed. The running service does the same on its own, more slowly.
 */
export const fillPool = (wanted: number) =>
  Effect.gen(function* () {
    let made = 0
    yield* Effect.exit(Effect.interruptible(filling(wanted, () => made++)))
    return made
  })

const filling = (wanted: number, madeOne: () => void) =>
  Effect.gen(function* () {
    const storage = yield* Storage
    const master = yield* MasterKey
    const rsa = yield* RsaKeys
    const progress = yield* Progress
    const missing = wanted - (yield* storage.countPoolKeys)
    const end = (yield* Clock.currentTimeMillis) + TIME
    let made = 0
    while (made < missing && (yield* Clock.currentTimeMillis) < end) {
      if (made === 0) yield* progress.step("RSA keys for the first phones")
      const key = yield* rsa.generate
      yield* storage.addPoolKeys([master.wrap(key, POOL_CONTEXT)])
      key.fill(0)
      made++
      madeOne()
      yield* progress.count(made, missing)
    }
  }).pipe(Effect.provide(NodeRsaKeys.layer))

const TIME = 20_000
