import { expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { MasterKey, SealBroken } from "../../../layers/crypto/MasterKey.ts"
import * as MasterKeyCheck from "../../../layers/storage/MasterKeyCheck.ts"
import * as MemoryStorage from "../../../layers/storage/MemoryStorage.ts"
import { bytes } from "./Samples.ts"

const withKey = (name: string) =>
  Effect.provideService(MasterKeyCheck.check, MasterKey, {
    wrap: (plain) => plain,
    unwrap: () => Effect.fail(new SealBroken({ what: "anything" })),
    derive: () => Buffer.alloc(32),
    checkValue: bytes(name, 16)
  })

it.effect("accepts the key that the database was first opened with, and no other", () =>
  Effect.gen(function* () {
    yield* withKey("ours")
    yield* withKey("ours")
    const error = yield* Effect.flip(withKey("theirs"))
    expect(error).toMatchObject({ _tag: "MasterKeyMismatch", database: "memory" })
    yield* withKey("ours")
  }).pipe(Effect.provide(Layer.fresh(MemoryStorage.layer)))
)
