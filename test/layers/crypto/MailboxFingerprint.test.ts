import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as LocalMasterKey from "../../../layers/crypto/LocalMasterKey.ts"
import { mailboxFingerprint, sameMailbox } from "../../../layers/crypto/MailboxFingerprint.ts"
import * as ServiceKeys from "../../../layers/crypto/ServiceKeys.ts"
import { ItemId, TenantNumber, UserNumber } from "../../../schemas/Ids.ts"

const keys = Layer.provide(ServiceKeys.layerDerived, LocalMasterKey.layerTest)

const of = (tenant: number, user: string, inbox: string) =>
  mailboxFingerprint(TenantNumber.make(tenant), UserNumber.make(user), ItemId.make(inbox))

it.effect("the same mailbox has the same fingerprint, every other a different one", () =>
  Effect.gen(function* () {
    const ann = yield* of(1, "7", "AAMkAD=")
    assert.strictEqual(ann.length, 16)
    assert.isTrue(sameMailbox(Uint8Array.from(ann), yield* of(1, "7", "AAMkAD=")))
    const others = [of(1, "7", "AAMkad="), of(2, "7", "AAMkAD="), of(1, "8", "AAMkAD="), of(1, "7", "")]
    for (const other of others) assert.isFalse(sameMailbox(ann, yield* other))
    assert.isFalse(sameMailbox(yield* of(11, "7", "x"), yield* of(1, "17", "x")))
  }).pipe(Effect.provide(keys))
)

it.effect("fingerprints of different master keys have nothing in common", () =>
  Effect.gen(function* () {
    const here = of(1, "7", "AAMkAD=").pipe(Effect.provide(Layer.fresh(keys)))
    assert.isFalse(sameMailbox(yield* here, yield* here))
  })
)

it.effect("nothing recorded, or something of another length, matches nothing", () =>
  Effect.gen(function* () {
    const ann = yield* of(1, "7", "AAMkAD=")
    assert.isFalse(sameMailbox(null, ann))
    assert.isFalse(sameMailbox(ann.subarray(0, 15), ann))
    assert.isFalse(sameMailbox(new Uint8Array(0), ann))
  }).pipe(Effect.provide(keys))
)
