import { describe, expect, it } from "@effect/vitest"
import fc from "fast-check"
import { DossierCache } from "../../actors/DossierCache.ts"
import { decodeDossier, encodeDossier } from "../../actors/DossierText.ts"
import type { StoredDossier } from "../../layers/storage/Storage.ts"
import type { UserNumber } from "../../schemas/Ids.ts"

/** Any text, also what needs escapes or more than a byte. */
const text = fc.string({ unit: "grapheme" })
const bytes = fc.uint8Array({ maxLength: 80 })
const orNull = <A>(some: fc.Arbitrary<A>) => fc.option(some, { nil: null })

const device = fc.record(
  {
    device: fc.nat(),
    token: text,
    platform: fc.constantFrom("iOS", "Android"),
    bundleId: text,
    deviceId: orNull(text),
    policy: fc.constantFrom(0, 1, 2, 3, 4),
    sound: orNull(text),
    environment: fc.constantFrom("production", "sandbox"),
    registeredAt: fc.nat(),
    seenAt: fc.nat(),
    nudgedAt: fc.array(fc.nat(), { maxLength: 2 }),
    endpoint: fc.record({ arn: text, registeredAt: fc.nat() })
  },
  {
    requiredKeys: [
      "device",
      "token",
      "platform",
      "bundleId",
      "deviceId",
      "policy",
      "sound",
      "environment",
      "registeredAt",
      "seenAt",
      "nudgedAt"
    ]
  }
)

const dossier = fc.record({
  user: fc.record({
    user: text,
    tenant: fc.nat(),
    userId: text,
    createdAt: fc.nat(),
    sealKeyMadeAt: fc.nat(),
    refused: fc.nat(),
    fingerprint: orNull(bytes),
    sealKey: bytes,
    callbackKey: orNull(bytes)
  }),
  subscription: fc.option(
    fc.record({
      user: text,
      bucket: fc.nat(),
      generation: fc.nat(),
      refused: fc.nat(),
      subscriptionId: orNull(text),
      ewsUrl: text,
      exchangeVersion: text,
      authType: text,
      tokenExpiresAt: orNull(fc.nat()),
      subscribedAt: fc.nat(),
      form: orNull(fc.nat()),
      link: text,
      linkSince: fc.nat(),
      nudges: fc.nat()
    }),
    { nil: undefined }
  ),
  devices: fc.array(device, { maxLength: 4 })
}) as unknown as fc.Arbitrary<StoredDossier>

describe("a dossier as text", () => {
  it("is the same dossier again", () => {
    fc.assert(
      fc.property(dossier, (one) => {
        expect(decodeDossier(encodeDossier(one))).toStrictEqual(one)
      })
    )
  })

  it("does not depend on the buffer that its bytes are a view of", () => {
    const [one] = fc.sample(dossier, { numRuns: 1, seed: 1 })
    const sealKey = Buffer.from("-the key-").subarray(1, 8)
    const again = decodeDossier(encodeDossier({ ...one!, user: { ...one!.user, sealKey } }))
    expect(again.user.sealKey).toEqual(new Uint8Array(Buffer.from("the key")))
  })
})

describe("the cache", () => {
  const some = fc.sample(dossier, { numRuns: 2_000, seed: 11 })
  const numberOf = (index: number) => String(index + 1) as UserNumber

  it("gives back what was put in last, however many there are", () => {
    const cache = new DossierCache(Number.POSITIVE_INFINITY)
    for (const [index, one] of some.entries()) cache.set(numberOf(index), { dossier: one, until: index })
    cache.set(numberOf(3), { dossier: some[4]!, until: 99 })
    expect(cache.get(numberOf(3))).toMatchObject({ dossier: some[4], until: 99 })
    for (const index of [0, 700, 1_999, 0, 700])
      expect(cache.get(numberOf(index))).toMatchObject({ dossier: some[index], until: index })
  })

  it("forgets what it is told to forget, wherever it is", () => {
    const cache = new DossierCache(Number.POSITIVE_INFINITY)
    for (const [index, one] of some.entries()) cache.set(numberOf(index), { dossier: one, until: 0 })
    cache.get(numberOf(1))
    for (const index of [0, 1, 1_999]) {
      cache.delete(numberOf(index))
      expect(cache.get(numberOf(index))).toBeUndefined()
    }
  })

  it("drops those first that were read longest ago when there is no more room", () => {
    const cache = new DossierCache(200_000)
    for (const [index, one] of some.entries()) cache.set(numberOf(index), { dossier: one, until: 0 })
    const kept = some.map((_, index) => cache.get(numberOf(index)) !== undefined)
    const first = kept.indexOf(true)
    expect(kept.slice(first).every(Boolean)).toBe(true)
    // Those that are not packed yet, and what fits into the bytes.
    const packed = some.slice(first, -500).reduce((sum, one) => sum + encodeDossier(one).length + 120, 0)
    expect(packed).toBeLessThanOrEqual(200_000)
    expect(packed).toBeGreaterThan(195_000)
  })
})
