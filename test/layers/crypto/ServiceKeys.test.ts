import { randomBytes } from "node:crypto"
import { assert, beforeEach, describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { formOf } from "../../../actors/SubscriptionForm.ts"
import { encodeHeader } from "../../../layers/crypto/CallbackHeader.ts"
import { CallbackMac } from "../../../layers/crypto/CallbackMac.ts"
import { HmacKey } from "../../../layers/crypto/HmacKey.ts"
import * as LocalMasterKey from "../../../layers/crypto/LocalMasterKey.ts"
import { MasterKey } from "../../../layers/crypto/MasterKey.ts"
import {
  SERVICE_KEYS,
  type ServiceKeyRing,
  unwrapRing,
  withNewMac,
  wrapRing
} from "../../../layers/crypto/ServiceKeyRing.ts"
import * as ServiceKeys from "../../../layers/crypto/ServiceKeys.ts"
import * as MemoryStorage from "../../../layers/storage/MemoryStorage.ts"
import { Storage } from "../../../layers/storage/Storage.ts"
import type { Generation, TenantNumber, UserNumber } from "../../../schemas/Ids.ts"

const user = "71" as UserNumber
const header = {
  mode: "sealed" as const,
  keyId: randomBytes(4),
  tenant: 1 as TenantNumber,
  generation: 3 as Generation
}
const f = encodeHeader(header).toString("base64url") + randomBytes(150).toString("base64url")
const address = { user, tenant: 1, generation: 3, mode: "sealed" }

let master = LocalMasterKey.make(randomBytes(32))
beforeEach(() => {
  master = LocalMasterKey.make(randomBytes(32))
})

const keys = Effect.flatMap(Effect.scoped(Layer.build(ServiceKeys.layer)), (context) =>
  Effect.provide(ServiceKeys.ServiceKeys, context)
)

const changeRing = (change: (ring: ServiceKeyRing) => ServiceKeyRing) =>
  Effect.gen(function* () {
    const storage = yield* Storage
    const wrapped = yield* Effect.flatten(storage.findMeta(SERVICE_KEYS))
    const ring = change(yield* unwrapRing(master, wrapped))
    yield* storage.changeMeta({ put: { [SERVICE_KEYS]: wrapRing(master, ring) }, drop: [] })
  })

const onEmpty = <A, E>(effect: Effect.Effect<A, E, Storage | MasterKey>) =>
  Effect.suspend(() =>
    effect.pipe(Effect.provideService(MasterKey, master), Effect.provide(Layer.fresh(MemoryStorage.layer)))
  )

describe("keys of the service", () => {
  it.effect("begin as what was derived from the master key before they were kept", () =>
    onEmpty(
      Effect.gen(function* () {
        const { callbackMac, fingerprint, form } = yield* keys
        const before = new CallbackMac(master.derive("callback-mac"))
        expect(callbackMac.sign(user, header, f)).toBe(before.sign(user, header, f))
        expect(callbackMac.versions).toBe(1)
        const fingerprintBefore = new HmacKey(master.derive("mailbox-fingerprint"))
        expect(fingerprint.digest("1|7|AAMk=")).toEqual(fingerprintBefore.digest("1|7|AAMk="))
        // So that an upgrade renews no subscription.
        const settings = {
          publicUrl: "https://ens.example.com",
          webhookCredentials: "sealed" as const,
          statusFrequencyMinutes: 15
        }
        expect(formOf(settings, form)).toBe(formOf(settings, master.checkValue))
      })
    )
  )

  it.effect("outlive the master key that they were derived from", () =>
    onEmpty(
      Effect.gen(function* () {
        const before = yield* keys
        const s = before.callbackMac.sign(user, header, f)
        const print = before.fingerprint.digest("1|7|AAMk=")
        const storage = yield* Storage
        const ring = yield* Effect.flatMap(Effect.flatten(storage.findMeta(SERVICE_KEYS)), (wrapped) =>
          unwrapRing(master, wrapped)
        )
        master = LocalMasterKey.make(randomBytes(32))
        yield* storage.changeMeta({ put: { [SERVICE_KEYS]: wrapRing(master, ring) }, drop: [] })
        const after = yield* Effect.provideService(keys, MasterKey, master)
        expect(after.callbackMac.verify(user, f, s)).toEqual(address)
        expect(after.fingerprint.digest("1|7|AAMk=")).toEqual(print)
        expect(after.form).toEqual(before.form)
      })
    )
  )

  it.effect("in the database open with its master key only", () =>
    onEmpty(
      Effect.gen(function* () {
        yield* keys
        const error = yield* Effect.flip(
          Effect.provideService(keys, MasterKey, LocalMasterKey.make(randomBytes(32)))
        )
        expect(error._tag).toBe("SealBroken")
      })
    )
  )

  it.effect("of an earlier version go on verifying, and the newest signs", () =>
    onEmpty(
      Effect.gen(function* () {
        const first = yield* keys
        const old = first.callbackMac.sign(user, header, f)
        yield* changeRing((ring) => withNewMac(ring, 5))
        yield* changeRing((ring) => withNewMac(ring, 6))
        const { callbackMac, form } = yield* keys
        expect(callbackMac.versions).toBe(3)
        assert.notDeepEqual(form, first.form)
        const s = callbackMac.sign(user, header, f)
        assert.notStrictEqual(s, old)
        expect(callbackMac.verify(user, f, s)).toEqual(address)
        expect(callbackMac.verify(user, f, old)).toEqual(address)
        for (const forged of [s.slice(0, -1), `${old}A`, old.replace(/./, (c) => (c === "A" ? "B" : "A"))])
          assert.isUndefined(callbackMac.verify(user, f, forged))
        assert.isUndefined(callbackMac.verify("72", f, s))
        assert.isUndefined(callbackMac.verify("72", f, old))
        assert.isUndefined(first.callbackMac.verify(user, f, s))
      })
    )
  )

  it.effect("that only verify can be dropped, at once and for ever", () =>
    onEmpty(
      Effect.gen(function* () {
        const old = (yield* keys).callbackMac.sign(user, header, f)
        yield* changeRing((ring) => withNewMac(ring, 5))
        const now = yield* keys
        const s = now.callbackMac.sign(user, header, f)
        yield* now.dropOldMacs
        for (const { callbackMac, form } of [now, yield* keys]) {
          expect(callbackMac.versions).toBe(1)
          expect(form).toEqual(now.form)
          assert.isUndefined(callbackMac.verify(user, f, old))
          expect(callbackMac.verify(user, f, s)).toEqual(address)
        }
      })
    )
  )
})
