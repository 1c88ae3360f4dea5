import { randomBytes } from "node:crypto"
import { assert, beforeAll, describe, expect, it } from "@effect/vitest"
import { Context, Effect, FastCheck as fc, Layer, Redacted } from "effect"
import { CallbackSeal } from "../../../layers/crypto/CallbackSeal.ts"
import * as LocalMasterKey from "../../../layers/crypto/LocalMasterKey.ts"
import {
  basic,
  generation,
  makeUser,
  queryOf,
  SealShelf,
  sealLayer,
  somePrivateKey
} from "../../support/CryptoFixture.ts"

const shelf = new SealShelf()
let verify: Context.Tag.Service<CallbackSeal>["verify"]
let genuine: { readonly id: string; readonly f: string; readonly s: string }

beforeAll(() =>
  Effect.gen(function* () {
    const key = somePrivateKey()
    const context = yield* Layer.build(sealLayer(shelf, LocalMasterKey.layerTest, () => key))
    const seal = Context.get(context, CallbackSeal)
    const ann = yield* makeUser("71", 1, key).pipe(Effect.provide(context))
    verify = seal.verify
    genuine = queryOf(yield* seal.makeUrl(ann, generation(3), Redacted.make(basic)))
  }).pipe(Effect.scoped, Effect.runPromise)
)

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

describe("verify", () => {
  it("takes what we made", () => {
    expect(verify(genuine.id, genuine.f, genuine.s)).toEqual({
      user: "71",
      tenant: 1,
      generation: 3,
      mode: "sealed"
    })
  })

  it("refuses every other character anywhere in s, so also other spellings of the same bytes", () => {
    for (let at = 0; at < genuine.s.length; at++) {
      for (const character of ALPHABET) {
        if (character === genuine.s[at]) continue
        const s = genuine.s.slice(0, at) + character + genuine.s.slice(at + 1)
        assert.isUndefined(verify(genuine.id, genuine.f, s))
      }
    }
    assert.isUndefined(verify(genuine.id, genuine.f, `${genuine.s}=`))
    assert.isUndefined(verify(genuine.id, genuine.f, ` ${genuine.s}`))
    // The same byte in latin1, another character.
    const alias = String.fromCharCode(genuine.s.charCodeAt(0) + 0x100) + genuine.s.slice(1)
    assert.isUndefined(verify(genuine.id, genuine.f, alias))
  })

  it("refuses a changed character anywhere in f: mode, tenant, generation, ciphertext", () => {
    for (let at = 0; at < genuine.f.length; at++) {
      const character = ALPHABET[(ALPHABET.indexOf(genuine.f[at]!) + 1) % 64]!
      const f = genuine.f.slice(0, at) + character + genuine.f.slice(at + 1)
      assert.isUndefined(verify(genuine.id, f, genuine.s), `character ${at}`)
    }
    for (const f of [`${genuine.f}=`, `${genuine.f}A`, genuine.f.slice(0, -1), ""]) {
      assert.isUndefined(verify(genuine.id, f, genuine.s))
    }
  })

  it("refuses another id, and the same written differently", () => {
    for (const id of ["70", "7", "1", "711", "071", "71 ", "+71", "71.0", "٧١", "", "0"]) {
      assert.isUndefined(verify(id, genuine.f, genuine.s), id)
    }
  })

  it("answers rubbish with undefined and never throws", () => {
    const anything = fc.oneof(
      fc.string({ unit: "binary", maxLength: 3_000 }),
      fc.stringMatching(/^[A-Za-z0-9_-]{22}$/),
      fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString("base64url")),
      fc.constantFrom(genuine.id, genuine.f, genuine.s, "71", "\ud800".repeat(22))
    )
    fc.assert(
      fc.property(anything, anything, anything, (id, f, s) => {
        const ours = id === genuine.id && f === genuine.f && s === genuine.s
        assert.strictEqual(verify(id, f, s) !== undefined, ours)
      }),
      { numRuns: 2_000 }
    )
  })

  it("refuses an f that is longer than any URL", () => {
    assert.isUndefined(verify("71", randomBytes(100_000).toString("base64url"), genuine.s))
  })

  it("asks storage nothing", () => {
    const before = shelf.asked
    verify(genuine.id, genuine.f, genuine.s)
    verify("72", genuine.f, genuine.s)
    assert.strictEqual(shelf.asked, before)
  })
})
