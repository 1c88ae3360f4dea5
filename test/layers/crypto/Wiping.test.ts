import { randomBytes } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { make } from "../../../layers/crypto/LocalMasterKey.ts"
import { MasterKey } from "../../../layers/crypto/MasterKey.ts"
import * as ServiceKeys from "../../../layers/crypto/ServiceKeys.ts"
import * as MasterKeyRotation from "../../../layers/storage/MasterKeyRotation.ts"
import * as MemoryStorage from "../../../layers/storage/MemoryStorage.ts"

/** A master key that remembers all bytes it ever handed out or was given in clear. */
const remembering = () => {
  const seen: Array<Uint8Array> = []
  const note = <A extends Uint8Array>(bytes: A): A => {
    seen.push(bytes)
    return bytes
  }
  const master = make(randomBytes(32))
  const service: MasterKey["Type"] = {
    ...master,
    derive: (label) => note(master.derive(label)),
    wrap: (plain, context) => master.wrap(note(plain), context),
    unwrap: (wrapped, context) => Effect.map(master.unwrap(wrapped, context), note)
  }
  return { seen, service }
}

const isWiped = (bytes: Uint8Array) => bytes.every((byte) => byte === 0)

describe("bytes of keys", () => {
  it("of the master key are wiped once it is taken over", () => {
    const raw = randomBytes(32)
    make(raw)
    expect(isWiped(raw)).toBe(true)
  })

  it.scoped("of the service's keys are wiped when they are made, read and dropped", () =>
    Effect.gen(function* () {
      const { seen, service } = remembering()
      const storage = yield* Layer.build(MemoryStorage.layer)
      const build = ServiceKeys.layer.pipe(
        Layer.provide(Layer.succeedContext(storage)),
        Layer.provide(Layer.succeed(MasterKey, service)),
        Layer.build
      )
      yield* build
      const { dropOldMacs } = yield* Effect.provide(ServiceKeys.ServiceKeys, yield* build)
      yield* dropOldMacs
      expect(seen.length).toBeGreaterThanOrEqual(7)
      expect(seen.filter((bytes) => !isWiped(bytes))).toEqual([])
    })
  )

  it.scoped("of the service's keys are wiped when the master key is replaced", () =>
    Effect.gen(function* () {
      const { seen, service: from } = remembering()
      const storage = yield* Layer.build(MemoryStorage.layer)
      const keys = { from, to: remembering().service }
      const replaced = Effect.flatMap(MasterKeyRotation.begin(keys, 1), (state) =>
        MasterKeyRotation.settle(keys, state, 1)
      )
      yield* Effect.provide(replaced, storage)
      expect(seen.length).toBeGreaterThanOrEqual(2)
      expect(seen.filter((bytes) => !isWiped(bytes))).toEqual([])
    })
  )
})
