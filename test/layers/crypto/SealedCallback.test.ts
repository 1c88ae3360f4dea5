import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Exit, FastCheck as fc, Option, Redacted } from "effect"
import { CallbackSeal } from "../../../layers/crypto/CallbackSeal.ts"
import * as LocalMasterKey from "../../../layers/crypto/LocalMasterKey.ts"
import { openPayload } from "../../../layers/crypto/UserKeyring.ts"
import { UserNumber } from "../../../schemas/Ids.ts"
import { PUBLIC_URL_MAX } from "../../../schemas/Settings.ts"
import {
  basic,
  generation,
  makeUser,
  queryOf,
  SealShelf,
  samples,
  sealLayer,
  somePrivateKey
} from "../../support/CryptoFixture.ts"

let registrationKey: Buffer
let callbackKey: Buffer
let firstKey: Buffer
let otherKey: Buffer
beforeAll(() => {
  registrationKey = somePrivateKey()
  firstKey = somePrivateKey()
  otherKey = somePrivateKey()
  callbackKey = firstKey
})

const user = (number = "7", tenant = 1, address?: string) =>
  makeUser(number, tenant, registrationKey, address)

const withSeal = (mode: "sealed" | "rsa", publicUrl?: string) => {
  const shelf = new SealShelf()
  const layer = sealLayer(shelf, LocalMasterKey.layerTest, () => callbackKey, {
    webhookCredentials: mode,
    ...(publicUrl === undefined ? {} : { publicUrl })
  })
  return { shelf, layer }
}

describe.each(["sealed", "rsa"] as const)("with ENS_WEBHOOK_CREDENTIALS=%s", (mode) => {
  for (const [what, credentials] of Object.entries(samples)) {
    it.effect(`${what} comes back out of a URL under 2,000 characters`, () => {
      const { shelf, layer } = withSeal(mode)
      return Effect.gen(function* () {
        const seal = yield* CallbackSeal
        const ann = yield* user()
        const url = yield* seal.makeUrl(ann, generation(3), Redacted.make(credentials))
        assert.isBelow(url.length, 2_000)
        assert.isTrue(
          url.startsWith(
            "https://ens.example.com/MailNotificationService/api/ens/pushnotificationlistener?id=7&f="
          )
        )
        const { id, f, s } = queryOf(url)
        const expected = what.includes("KB") ? "split" : mode
        assert.deepStrictEqual(seal.verify(id, f, s), {
          user: ann.user,
          tenant: ann.tenant,
          generation: generation(3),
          mode: expected
        })
        assert.strictEqual(shelf.partials.size, expected === "split" ? 1 : 0)
        const opened = yield* seal.open(
          { ...ann, callbackKey: shelf.callbackKeys.get("7") ?? null },
          generation(3),
          f
        )
        assert.deepStrictEqual(Redacted.value(Option.getOrThrow(opened)), credentials)
      }).pipe(Effect.provide(layer))
    })
  }

  it.effect("f opens under no other generation, user or tenant", () => {
    const { shelf, layer } = withSeal(mode)
    return Effect.gen(function* () {
      const seal = yield* CallbackSeal
      const ann = yield* user()
      for (const credentials of [basic, samples["a 4 KB token"]!]) {
        const { f } = queryOf(yield* seal.makeUrl(ann, generation(3), Redacted.make(credentials)))
        const keys = { ...ann, callbackKey: shelf.callbackKeys.get("7") ?? null }
        const partial = shelf.partials.get("7/3")
        if (partial !== undefined) {
          shelf.partials.set("7/4", partial)
          shelf.partials.set("8/3", partial)
        }
        const strangers = [
          // The rows of others, and rows that somebody with the database altered to hold Ann's keys.
          [ann, generation(4)],
          [keys, generation(4)],
          [{ ...keys, user: UserNumber.make("8") }, generation(3)],
          [{ ...keys, ...(yield* user("8", 1, "bob@example.com")) }, generation(3)],
          [yield* user("7", 2), generation(3)],
          [{ ...keys, tenant: (yield* user("7", 2)).tenant }, generation(3)]
        ] as const
        for (const [stranger, at] of strangers) {
          const exit = yield* Effect.exit(seal.open(stranger, at, f))
          assert.isFalse(Exit.isSuccess(exit) && Option.isSome(exit.value))
        }
        assert.isTrue(Option.isSome(yield* seal.open(keys, generation(3), f)))
      }
    }).pipe(Effect.provide(layer))
  })

  it.effect("f opens with the former keys for as long as they are kept", () => {
    const { shelf, layer } = withSeal(mode)
    return Effect.gen(function* () {
      const seal = yield* CallbackSeal
      for (const credentials of [basic, samples["a 4 KB token"]!]) {
        const ann = yield* user()
        const { f } = queryOf(yield* seal.makeUrl(ann, generation(3), Redacted.make(credentials)))
        const pair = shelf.callbackKeys.get("7")
        const { registrationKey, sealKey } = yield* user()
        const later = { ...ann, registrationKey, sealKey, callbackKey: null }
        callbackKey = otherKey
        shelf.callbackKeys.clear()
        shelf.users.set("7", later)
        shelf.formerKeys.set("7", [
          ...(pair === undefined ? [] : [{ kind: "callback" as const, wrapped: pair, replacedAt: 1 }]),
          { kind: "registration", wrapped: ann.registrationKey, replacedAt: 1 },
          { kind: "seal", wrapped: ann.sealKey, replacedAt: 1 }
        ])
        const opened = (at: string, generationOf = 3) =>
          Effect.map(seal.open(later, generation(generationOf), at), Option.map(Redacted.value))
        assert.deepStrictEqual(Option.getOrThrow(yield* opened(f)), credentials)
        assert.isTrue(yield* seal.isFor(later, f))
        // Also when the new keys have been used by then.
        const { f: next } = queryOf(yield* seal.makeUrl(later, generation(4), Redacted.make(credentials)))
        assert.deepStrictEqual(Option.getOrThrow(yield* opened(f)), credentials)
        assert.deepStrictEqual(Option.getOrThrow(yield* opened(next, 4)), credentials)
        assert.isTrue(yield* seal.isFor(later, next))
        shelf.formerKeys.clear()
        assert.isTrue(Option.isNone(yield* opened(f)))
        assert.isFalse(yield* seal.isFor(later, f))
        shelf.callbackKeys.clear()
        shelf.users.clear()
      }
    }).pipe(
      Effect.provide(layer),
      Effect.ensuring(
        Effect.sync(() => {
          callbackKey = firstKey
        })
      )
    )
  })

  it.effect("what the present key has sealed asks storage for no former one", () => {
    const { shelf, layer } = withSeal(mode)
    return Effect.gen(function* () {
      const seal = yield* CallbackSeal
      const ann = yield* user()
      const { f } = queryOf(yield* seal.makeUrl(ann, generation(3), Redacted.make(basic)))
      const keys = { ...ann, callbackKey: shelf.callbackKeys.get("7") ?? null }
      const before = shelf.asked
      assert.isTrue(Option.isSome(yield* seal.open(keys, generation(3), f)))
      assert.isTrue(yield* seal.isFor(keys, f))
      assert.strictEqual(shelf.asked, before)
    }).pipe(Effect.provide(layer))
  })

  it.effect("bytes changed behind the MAC's back do not open", () => {
    const { shelf, layer } = withSeal(mode)
    return Effect.gen(function* () {
      const seal = yield* CallbackSeal
      const ann = yield* user()
      const { f } = queryOf(yield* seal.makeUrl(ann, generation(3), Redacted.make(basic)))
      const keys = { ...ann, callbackKey: shelf.callbackKeys.get("7") ?? null }
      const bytes = Buffer.from(f, "base64url")
      for (let at = 0; at < bytes.length; at += 7) {
        const changed = Buffer.from(bytes)
        changed.writeUInt8(changed.readUInt8(at) ^ 0x10, at)
        const exit = yield* Effect.exit(seal.open(keys, generation(3), changed.toString("base64url")))
        assert.isFalse(Exit.isSuccess(exit) && Option.isSome(exit.value), `byte ${at}`)
      }
    }).pipe(Effect.provide(layer))
  })

  it.effect("a stolen database and URL open nothing under another master key", () => {
    const { shelf, layer } = withSeal(mode)
    return Effect.gen(function* () {
      const seal = yield* CallbackSeal
      const ann = yield* user()
      for (const credentials of Object.values(samples)) {
        const { id, f, s } = queryOf(yield* seal.makeUrl(ann, generation(3), Redacted.make(credentials)))
        const keys = { ...ann, callbackKey: shelf.callbackKeys.get("7") ?? null }
        const error = yield* Effect.gen(function* () {
          const thief = yield* CallbackSeal
          assert.isUndefined(thief.verify(id, f, s))
          return yield* Effect.flip(thief.open(keys, generation(3), f))
        }).pipe(Effect.provide(sealLayer(shelf, LocalMasterKey.layerTest, () => callbackKey)))
        assert.strictEqual(error._tag, "SealBroken")
      }
    }).pipe(Effect.provide(layer))
  })
})

describe("split credentials", () => {
  const token = Redacted.make(samples["a 4 KB token"]!)

  it.effect("do not open for who has master key and database but not the URL", () => {
    const { layer } = withSeal("sealed")
    return Effect.gen(function* () {
      const seal = yield* CallbackSeal
      const ann = yield* user()
      // The best that can be had without it: a genuine URL of the same user and generation, with another random key.
      const { f: lost } = queryOf(yield* seal.makeUrl(ann, generation(3), token))
      yield* seal.makeUrl(ann, generation(3), token)
      const error = yield* Effect.flip(seal.open(ann, generation(3), lost))
      assert.strictEqual(error._tag, "SealBroken")
    }).pipe(Effect.provide(layer))
  })

  it.effect("are none once storage has dropped its part", () => {
    const { shelf, layer } = withSeal("sealed")
    return Effect.gen(function* () {
      const seal = yield* CallbackSeal
      const ann = yield* user()
      const { f } = queryOf(yield* seal.makeUrl(ann, generation(3), token))
      shelf.partials.clear()
      assert.isTrue(Option.isNone(yield* seal.open(ann, generation(3), f)))
    }).pipe(Effect.provide(layer))
  })

  it.effect("are none once the user has other keys", () => {
    const { layer } = withSeal("sealed")
    return Effect.gen(function* () {
      const seal = yield* CallbackSeal
      const { f } = queryOf(yield* seal.makeUrl(yield* user(), generation(3), token))
      assert.isTrue(Option.isNone(yield* seal.open(yield* user(), generation(3), f)))
    }).pipe(Effect.provide(layer))
  })

  it.effect("leave in storage no readable piece of the token", () => {
    const { shelf, layer } = withSeal("sealed")
    return Effect.gen(function* () {
      yield* (yield* CallbackSeal).makeUrl(yield* user(), generation(3), token)
      const kept = Buffer.from(shelf.partials.get("7/3")!).toString("latin1")
      assert.notInclude(kept, Redacted.value(token).accessToken!.slice(100, 108))
      assert.notInclude(kept, "example")
    }).pipe(Effect.provide(layer))
  })
})

describe("the callback key pair", () => {
  it.effect("is made once, stored, and found by who read the user earlier", () => {
    const { shelf, layer } = withSeal("rsa")
    return Effect.gen(function* () {
      const seal = yield* CallbackSeal
      const ann = yield* user()
      shelf.users.set("7", ann)
      const { f } = queryOf(yield* seal.makeUrl(ann, generation(3), Redacted.make(basic)))
      const made = shelf.callbackKeys.get("7")
      yield* seal.makeUrl(ann, generation(4), Redacted.make(basic))
      assert.strictEqual(shelf.callbackKeys.get("7"), made)
      assert.isTrue(Option.isSome(yield* seal.open(ann, generation(3), f)))
    }).pipe(Effect.provide(layer))
  })

  it.effect("makes URLs whose blocks are no registration payload", () => {
    const { layer } = withSeal("rsa")
    return Effect.gen(function* () {
      const seal = yield* CallbackSeal
      const ann = yield* user()
      const { f } = queryOf(yield* seal.makeUrl(ann, generation(3), Redacted.make(basic)))
      const blocks = Buffer.from(f, "base64url").subarray(18)
      assert.strictEqual(blocks.length % 256, 0)
      const exit = yield* Effect.exit(openPayload(ann, blocks.toString("base64")))
      // Implicit rejection yields rubbish, which by chance may be text.
      const text = Exit.isSuccess(exit) ? Redacted.value(exit.value) : ""
      assert.notInclude(text, "ann@example.com")
    }).pipe(Effect.provide(layer))
  })
})

it.effect("passwords of 1 to 32 characters make URLs of two lengths only", () => {
  const { layer } = withSeal("sealed")
  return Effect.gen(function* () {
    const seal = yield* CallbackSeal
    const ann = yield* user()
    const lengths = new Set<number>()
    for (let characters = 1; characters <= 32; characters++) {
      const credentials = { address: "a@b.example", password: "x".repeat(characters) }
      lengths.add((yield* seal.makeUrl(ann, generation(3), Redacted.make(credentials))).length)
    }
    assert.strictEqual(lengths.size, 2)
  }).pipe(Effect.provide(layer))
})

it.effect.prop(
  "no credentials and no public URL make a URL of 2,000 characters",
  {
    password: fc.string({ maxLength: 1_600, unit: "binary" }),
    padding: fc.integer({ min: 0, max: PUBLIC_URL_MAX - 24 })
  },
  ({ password, padding }) => {
    const { layer } = withSeal("sealed", `https://ens.example.com/${"p".repeat(padding)}`)
    return Effect.gen(function* () {
      const seal = yield* CallbackSeal
      const ann = yield* user("999999999999999")
      const url = yield* seal.makeUrl(ann, generation(3), Redacted.make({ address: "a@b.example", password }))
      assert.isBelow(url.length, 2_000)
      const { id, f, s } = queryOf(url)
      assert.isDefined(seal.verify(id, f, s))
      const opened = yield* seal.open(ann, generation(3), f)
      assert.strictEqual(Redacted.value(Option.getOrThrow(opened)).password, password)
    }).pipe(Effect.provide(layer))
  }
)

it.effect("credentials are split only when the URL would reach 2,000 characters", () =>
  Effect.gen(function* () {
    const credentials = Redacted.make({ address: "a@b.example", password: "x".repeat(1_000) })
    const lengths = new Map<string, Array<number>>()
    for (let padding = 400; padding < 500; padding++) {
      yield* Effect.gen(function* () {
        const seal = yield* CallbackSeal
        const url = yield* seal.makeUrl(yield* user(), generation(3), credentials)
        const { id, f, s } = queryOf(url)
        const mode = seal.verify(id, f, s)?.mode ?? "refused"
        lengths.set(mode, [...(lengths.get(mode) ?? []), url.length])
      }).pipe(Effect.provide(withSeal("sealed", `https://ens.example.com/${"p".repeat(padding)}`).layer))
    }
    assert.deepStrictEqual([...lengths.keys()], ["sealed", "split"])
    assert.strictEqual(Math.max(...lengths.get("sealed")!), 1_999)
  })
)
