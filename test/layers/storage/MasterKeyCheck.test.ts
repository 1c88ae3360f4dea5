import { existsSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { assert, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as LocalMasterKey from "../../../layers/crypto/LocalMasterKey.ts"
import { MasterKey, SealBroken } from "../../../layers/crypto/MasterKey.ts"
import * as MasterKeyCheck from "../../../layers/storage/MasterKeyCheck.ts"
import * as MemoryStorage from "../../../layers/storage/MemoryStorage.ts"
import { encodeRotation, ROTATION, RotationState } from "../../../layers/storage/RotationState.ts"
import { Storage } from "../../../layers/storage/Storage.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"
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

const rotating = new RotationState({
  from: bytes("old", 16),
  to: bytes("new", 16),
  startedAt: Date.UTC(2031, 4, 6, 7, 8, 9),
  step: "keys"
})

it.scoped("a database whose rotation was not finished is refused, with any key", () =>
  Effect.gen(function* () {
    const file = join(yield* temporaryDirectory, "master.key")
    yield* withKey("old")
    const storage = yield* Storage
    yield* storage.changeMeta({ put: { [ROTATION]: encodeRotation(rotating) }, drop: [] })
    for (const key of ["old", "new"]) {
      const error = yield* Effect.flip(withKey(key))
      expect(error).toMatchObject({ _tag: "RotationUnfinished" })
      expect(error.message).toBe(
        "a rotation of the master key was begun on 2031-05-06T07:08:09Z and not finished; run: ens secret rotate"
      )
    }
    const error = yield* Effect.flip(Layer.build(MasterKeyCheck.layer({ file })))
    expect(error._tag).toBe("RotationUnfinished")
    assert.isFalse(existsSync(file))
  }).pipe(Effect.provide(Layer.fresh(MemoryStorage.layer)))
)

it.scoped("the key's file is made for a new database, and for no other", () =>
  Effect.gen(function* () {
    const file = join(yield* temporaryDirectory, "master.key")
    const open = Effect.scoped(Layer.build(MasterKeyCheck.layer({ file })))
    yield* open
    const made = readFileSync(file, "utf8")
    yield* open
    expect(readFileSync(file, "utf8")).toBe(made)
    rmSync(file)
    const error = yield* Effect.flip(open)
    expect(error).toMatchObject({ _tag: "MasterKeyUnusable", source: file })
    expect(error.message).toContain("there is no such file; restore it from its backup")
    assert.isFalse(existsSync(file))
    yield* LocalMasterKey.load({ file })
    expect((yield* Effect.flip(open))._tag).toBe("MasterKeyMismatch")
  }).pipe(Effect.provide(Layer.fresh(MemoryStorage.layer)))
)
