import { randomBytes } from "node:crypto"
import { type Context, Effect, Schema } from "effect"
import { type MasterKey, SealBroken } from "./MasterKey.ts"

/** Name under which the ring rests in the database (`Storage.meta`). */
export const SERVICE_KEYS = "serviceKeys"

const Version = Schema.Struct({
  /** 16 bytes that tell versions apart and say nothing about the key. */
  id: Schema.Uint8ArrayFromBase64,
  key: Schema.Uint8ArrayFromBase64,
  madeAt: Schema.Number
})

/** Keys of the service itself, by purpose. Each version of a purpose is 256 random or derived bits. */
export const ServiceKeyRing = Schema.Struct({
  /** Never replaced: what was made with it rests in the database, and its source is known to nobody. */
  fingerprint: Schema.Uint8ArrayFromBase64,
  /** Newest first. */
  callbackMac: Schema.NonEmptyArray(Version)
})
export type ServiceKeyRing = typeof ServiceKeyRing.Type

/** The ring of a database that has none yet: the keys that were derived from the master key before rings were kept. */
export const firstRing = (master: Context.Tag.Service<MasterKey>): ServiceKeyRing => ({
  fingerprint: master.derive("mailbox-fingerprint"),
  callbackMac: [{ id: Uint8Array.from(master.checkValue), key: master.derive("callback-mac"), madeAt: 0 }]
})

/** The same ring with a new key that signs callback URLs. */
export const withNewMac = (ring: ServiceKeyRing, at: number): ServiceKeyRing => ({
  ...ring,
  callbackMac: [{ id: randomBytes(16), key: randomBytes(32), madeAt: at }, ...ring.callbackMac]
})

/** The same ring without the keys that only verify. */
export const withNewestMac = (ring: ServiceKeyRing): ServiceKeyRing => ({
  ...ring,
  callbackMac: [ring.callbackMac[0]]
})

/** Wipes all keys of a ring that is used no more, and of those that share its bytes. */
export const wipeRing = ({ callbackMac, fingerprint }: ServiceKeyRing): void => {
  fingerprint.fill(0)
  for (const { key } of callbackMac) key.fill(0)
}

export const wrapRing = (master: Context.Tag.Service<MasterKey>, ring: ServiceKeyRing): Uint8Array => {
  const plain = Buffer.from(JSON.stringify(Schema.encodeSync(ServiceKeyRing)(ring)), "utf8")
  const wrapped = master.wrap(plain, CONTEXT)
  plain.fill(0)
  return wrapped
}

export const unwrapRing = (
  master: Context.Tag.Service<MasterKey>,
  wrapped: Uint8Array
): Effect.Effect<ServiceKeyRing, SealBroken> =>
  Effect.flatMap(master.unwrap(wrapped, CONTEXT), (plain) =>
    decode(plain.toString("utf8")).pipe(
      Effect.mapError(() => new SealBroken({ what: CONTEXT })),
      Effect.ensuring(Effect.sync(() => plain.fill(0)))
    )
  )

const CONTEXT = "service-keys"

const decode = Schema.decode(Schema.parseJson(ServiceKeyRing))
