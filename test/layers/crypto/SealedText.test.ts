import { randomBytes } from "node:crypto"
import { assert, expect, it } from "@effect/vitest"
import { Effect, FastCheck as fc, Redacted } from "effect"
import * as LocalMasterKey from "../../../layers/crypto/LocalMasterKey.ts"
import { isSealed, openText, sealText } from "../../../layers/crypto/SealedText.ts"

const key = LocalMasterKey.make(randomBytes(32))
const secret = "mssql://ens:pässword@db.example.com:1433/ENS"

it.effect.prop("a sealed text opens with the same key only", [fc.string({ unit: "binary" })], ([text]) =>
  Effect.gen(function* () {
    const sealed = sealText(key, Redacted.make(text))
    assert.match(sealed, /^sealed:[A-Za-z0-9_-]+$/)
    assert.isTrue(isSealed(sealed))
    // Lone surrogates are no text that UTF-8 knows.
    assert.strictEqual(Redacted.value(yield* openText(key, sealed)), text.toWellFormed())
    const other = yield* Effect.flip(openText(LocalMasterKey.make(randomBytes(32)), sealed))
    assert.strictEqual(other.reason, "another key")
    assert.notStrictEqual(sealText(key, Redacted.make(text)), sealed)
  })
)

it.effect(
  "a text with any changed, missing or further character says that it is damaged or of another key",
  () =>
    Effect.gen(function* () {
      const sealed = sealText(key, Redacted.make(secret))
      const reasons = new Set<string>()
      for (let at = "sealed:".length; at < sealed.length; at++) {
        const changed = sealed.slice(0, at) + (sealed[at] === "A" ? "B" : "A") + sealed.slice(at + 1)
        for (const text of [changed, sealed.slice(0, at), sealed.slice(0, at) + sealed.slice(at + 1)]) {
          const error = yield* Effect.flip(openText(key, text))
          reasons.add(error.reason)
          assert.notInclude(error.message, "db.example.com")
        }
      }
      expect([...reasons].sort()).toEqual(["another key", "damaged"])
      for (const text of [
        `${sealed}A`,
        `${sealed}=`,
        `${sealed} `,
        sealed.slice(7),
        "sealed:",
        "sealed:AAAA"
      ])
        expect((yield* Effect.flip(openText(key, text)))._tag).toBe("SealedTextUnreadable")
      expect((yield* Effect.flip(openText(key, sealed.slice(0, -1)))).reason).toBe("damaged")
    })
)

it.effect("what was wrapped for something else is no setting", () =>
  Effect.gen(function* () {
    const wrapped = key.wrap(Buffer.from(secret), "seal:1:x")
    const forged = `sealed:${Buffer.concat([key.checkValue.subarray(0, 4), wrapped]).toString("base64url")}`
    expect((yield* Effect.flip(openText(key, forged))).reason).toBe("damaged")
  })
)
