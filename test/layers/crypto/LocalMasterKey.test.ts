import { randomBytes } from "node:crypto"
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, describe, expect, it } from "@effect/vitest"
import { Context, Effect, Exit, FastCheck as fc, Layer, Redacted } from "effect"
import * as LocalMasterKey from "../../../layers/crypto/LocalMasterKey.ts"
import { MasterKey } from "../../../layers/crypto/MasterKey.ts"

const directory = mkdtempSync(join(tmpdir(), "ens-master-key-"))
afterAll(() => rmSync(directory, { recursive: true }))
let files = 0
const someFile = () => join(directory, `${files++}`, "master.key")
const written = (content: string | Buffer, mode = 0o600) => {
  const file = join(directory, `${files++}.key`)
  writeFileSync(file, content)
  chmodSync(file, mode)
  return file
}

type Source = Parameters<typeof LocalMasterKey.layer>[0]
const start = (source: Source) =>
  Effect.scoped(
    Effect.map(Layer.build(LocalMasterKey.layer(source)), (context) => Context.get(context, MasterKey))
  )
const refusal = (source: Source) => Effect.map(Effect.flip(start(source)), (error) => error.message)

describe("the file", () => {
  it.effect("is made when there is none, for this account only, and used again", () =>
    Effect.gen(function* () {
      const file = someFile()
      const first = yield* start({ file })
      assert.strictEqual(statSync(file).mode & 0o777, 0o600)
      assert.strictEqual(Buffer.from(readFileSync(file, "utf8"), "base64").length, 32)
      const second = yield* start({ file })
      assert.deepStrictEqual(second.checkValue, first.checkValue)
      assert.deepStrictEqual(readdirSync(join(file, "..")), ["master.key"])
    })
  )

  it.live("is one and the same for all that start at nearly the same time", () =>
    Effect.gen(function* () {
      for (let round = 0; round < 15; round++) {
        const file = someFile()
        const started = yield* Effect.all(
          Array.from({ length: 20 }, (_, n) => Effect.delay(start({ file }), n % 8)),
          { concurrency: "unbounded" }
        )
        const keys = new Set(started.map((master) => Buffer.from(master.checkValue).toString("hex")))
        assert.strictEqual(keys.size, 1)
        assert.deepStrictEqual(readdirSync(join(file, "..")), ["master.key"])
      }
    })
  )

  it.effect("holds the same key as the setting's value would", () =>
    Effect.gen(function* () {
      const value = randomBytes(32).toString("base64")
      const fromFile = yield* start({ file: written(`${value}\n`) })
      const fromValue = yield* start({ value: Redacted.make(value) })
      assert.deepStrictEqual(fromFile.derive("x"), fromValue.derive("x"))
    })
  )

  it.effect("may be read by a group, as mounted secrets are", () =>
    Effect.asVoid(start({ file: written(randomBytes(32).toString("base64"), 0o440) }))
  )

  it.effect("is refused when others can read or a group can change it", () =>
    Effect.gen(function* () {
      for (const mode of [0o644, 0o604, 0o602, 0o660]) {
        const file = written(randomBytes(32).toString("base64"), mode)
        expect(yield* refusal({ file })).toMatch(/its mode is 06\d\d, .*chmod 600/)
      }
    })
  )

  it.effect("is refused when it is not base64 of 32 bytes, without showing it", () =>
    Effect.gen(function* () {
      const contents = [
        "",
        randomBytes(31).toString("base64"),
        randomBytes(33).toString("base64"),
        randomBytes(32).toString("hex"),
        randomBytes(32),
        "x".repeat(5_000),
        randomBytes(32).toString("base64").slice(0, -1)
      ]
      for (const content of contents) {
        const message = yield* refusal({ file: written(content) })
        expect(message).toContain("is not base64 of 32 bytes")
        if (content.length > 0) assert.notInclude(message, content.toString())
      }
    })
  )

  it.effect("is named when it cannot be read or made", () =>
    Effect.gen(function* () {
      expect(yield* refusal({ file: directory })).toContain("EISDIR")
      const blocked = join(written("not a directory"), "master.key")
      const message = yield* refusal({ file: blocked })
      expect(message).toContain(blocked)
      expect(message).toContain("ENS_MASTER_KEY_FILE")
    })
  )
})

it.effect("a value that is no key is refused by the setting's name, without showing it", () =>
  Effect.gen(function* () {
    const message = yield* refusal({ value: Redacted.make("hunter2") })
    expect(message).toContain("ENS_MASTER_KEY")
    assert.notInclude(message, "hunter2")
  })
)

describe("wrapping", () => {
  const made = () => LocalMasterKey.make(randomBytes(32))

  it("wipes the buffer that it was given", () => {
    const raw = randomBytes(32)
    LocalMasterKey.make(raw)
    assert.deepStrictEqual(raw, Buffer.alloc(32))
  })

  it.effect.prop(
    "comes undone with the same key and context only",
    { plain: fc.uint8Array({ maxLength: 2_000 }), context: fc.string(), other: fc.string() },
    ({ plain, context, other }) =>
      Effect.gen(function* () {
        const master = made()
        const wrapped = master.wrap(plain, context)
        assert.deepStrictEqual(
          Uint8Array.from(yield* master.unwrap(wrapped, context)),
          Uint8Array.from(plain)
        )
        assert.notDeepEqual(master.wrap(plain, context), wrapped)
        assert.isTrue(Exit.isFailure(yield* Effect.exit(made().unwrap(wrapped, context))))
        if (other !== context) {
          assert.strictEqual((yield* Effect.flip(master.unwrap(wrapped, other)))._tag, "SealBroken")
        }
      })
  )

  it.effect("notices every changed, missing or added byte", () =>
    Effect.gen(function* () {
      const master = made()
      const wrapped = Buffer.from(master.wrap(Buffer.from("key"), "seal:1:x"))
      const spoilt = [Buffer.alloc(0), Buffer.concat([wrapped, Buffer.alloc(1)])]
      for (let at = 0; at < wrapped.length; at++) {
        const changed = Buffer.from(wrapped)
        changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
        spoilt.push(changed, wrapped.subarray(0, at))
      }
      for (const bytes of spoilt) {
        const error = yield* Effect.flip(master.unwrap(bytes, "seal:1:x"))
        assert.strictEqual(error.message, "seal:1:x cannot be opened")
      }
    })
  )
})

describe("derived keys", () => {
  it("differ by label and by master key, and are the same after a restart", () => {
    const value = randomBytes(32)
    const one = LocalMasterKey.make(Buffer.from(value))
    const again = LocalMasterKey.make(Buffer.from(value))
    const other = LocalMasterKey.make(randomBytes(32))
    assert.deepStrictEqual(one.derive("a"), again.derive("a"))
    assert.notDeepEqual(one.derive("a"), one.derive("b"))
    assert.notDeepEqual(one.derive("a"), other.derive("a"))
    assert.strictEqual(one.derive("a").length, 32)
  })

  it("give a check value of 16 bytes that tells master keys apart and is no key", () => {
    const value = randomBytes(32)
    const one = LocalMasterKey.make(Buffer.from(value))
    assert.strictEqual(one.checkValue.length, 16)
    assert.deepStrictEqual(one.checkValue, LocalMasterKey.make(Buffer.from(value)).checkValue)
    assert.notDeepEqual(one.checkValue, made().checkValue)
    for (const label of ["wrap", "callback-mac", "mailbox-fingerprint"]) {
      assert.notDeepEqual(Buffer.from(one.checkValue), one.derive(label).subarray(0, 16))
    }
  })
  const made = () => LocalMasterKey.make(randomBytes(32))
})
