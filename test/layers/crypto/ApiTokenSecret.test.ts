import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck as fc, Redacted } from "effect"
import {
  hashApiToken,
  makeAdminToken,
  makeApiToken,
  maskApiToken
} from "../../../layers/crypto/ApiTokenSecret.ts"

it.effect("a new token has 256 random bits behind its prefix and does not show itself", () =>
  Effect.gen(function* () {
    const one = yield* makeApiToken
    assert.match(Redacted.value(one), /^ens_[A-Za-z0-9_-]{43}$/)
    assert.notStrictEqual(Redacted.value(one), Redacted.value(yield* makeApiToken))
    assert.notInclude(`${one} ${JSON.stringify({ one })}`, "ens_")
  })
)

it.effect("an admin token has as many, and a prefix that tells it from an API token", () =>
  Effect.gen(function* () {
    const one = yield* makeAdminToken
    assert.match(Redacted.value(one), /^ensadm-[A-Za-z0-9_-]{43}$/)
    assert.notStrictEqual(Redacted.value(one), Redacted.value(yield* makeAdminToken))
    assert.notInclude(`${one} ${JSON.stringify({ one })}`, "ensadm-")
  })
)

it("a token's hash is its SHA-256", () => {
  assert.strictEqual(
    hashApiToken("abc").toString("hex"),
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
  )
})

describe("a masked token", () => {
  it("shows five characters at each end", () => {
    assert.strictEqual(maskApiToken("12341-0b77-4a1e-9b1c-fasdf"), "12341*****fasdf")
  })

  it("shows nothing of a short token, and never the middle of any", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 80, unit: "grapheme-ascii" }), (token) => {
        const masked = maskApiToken(token)
        assert.strictEqual(masked.length, token.length < 20 ? 5 : 15)
        if (token.length < 20) assert.strictEqual(masked, "*****")
      })
    )
  })
})
