import { randomBytes } from "node:crypto"
import { expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import * as LocalMasterKey from "../../layers/crypto/LocalMasterKey.ts"
import { MasterKey } from "../../layers/crypto/MasterKey.ts"
import * as MemoryStorage from "../../layers/storage/MemoryStorage.ts"
import { KEY_CHECK } from "../../layers/storage/RotationState.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import * as TenureKeyCheck from "../../src/TenureKeyCheck.ts"

it.effect(
  "a standby whose master key was replaced meanwhile ends when it becomes active, and builds nothing",
  () =>
    Effect.gen(function* () {
      const storage = yield* Storage
      const [old, fresh] = [LocalMasterKey.make(randomBytes(32)), LocalMasterKey.make(randomBytes(32))]
      const ended = yield* Deferred.make<void>()
      let built = 0
      const tenure = Layer.build(
        Layer.effectDiscard(Effect.sync(() => built++)).pipe(
          Layer.provide(TenureKeyCheck.layer(Deferred.succeed(ended, undefined)))
        )
      ).pipe(Effect.scoped, Effect.provideService(MasterKey, old))
      yield* tenure
      expect(built).toBe(1)
      yield* storage.changeMeta({ put: { [KEY_CHECK]: fresh.checkValue }, drop: [] })
      const again = yield* Effect.fork(tenure)
      yield* Deferred.await(ended)
      yield* Fiber.interrupt(again)
      expect(built).toBe(1)
    }).pipe(Effect.provide(Layer.fresh(MemoryStorage.layer)))
)
