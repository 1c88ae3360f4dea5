import { isUtf8 } from "node:buffer"
import { randomBytes } from "node:crypto"
import { type Context, Effect, Redacted } from "effect"
import type { TenantNumber, UserId } from "../../schemas/Ids.ts"
import type { User, UserKeys } from "../storage/Storage.ts"
import { MasterKey, type SealBroken } from "./MasterKey.ts"
import { ENCODING, PayloadUnreadable, RsaKeys } from "./RsaKeys.ts"

/** Context under which keys are wrapped while they wait in the pool and belong to nobody. */
export const POOL_CONTEXT = "rsa-pool"

/** Whose keys: what the wrapped form is bound to, so that a row moved to another user opens nothing. */
export type KeyOwner = Pick<User, "tenant" | "userId">

/** Context of a user's key. */
export const keyContext = (kind: "registration" | "seal" | "callback", owner: KeyOwner): string =>
  `${kind}:${owner.tenant}:${owner.userId}`

/** The most blocks that a registration payload may have: 15 KB, room for a certificate and a token. */
export const MAX_PAYLOAD_BLOCKS = 64

/** Keys for a new user: the pool's private key (as `KeyPool.take` gives it) becomes his, the seal key is random. */
export const makeUserKeys = Effect.fnUntraced(function* (
  tenant: TenantNumber,
  userId: UserId,
  pooled: Uint8Array
): Effect.fn.Return<UserKeys, SealBroken, MasterKey> {
  const master = yield* MasterKey
  const owner = { tenant, userId }
  return {
    registrationKey: yield* makeRegistrationKey(owner, pooled),
    sealKey: makeSealKey(master, owner),
    callbackKey: null
  }
})

/** A wrapped private key for registration payloads, which was the pool's. */
export const makeRegistrationKey = Effect.fnUntraced(function* (
  owner: KeyOwner,
  pooled: Uint8Array
): Effect.fn.Return<Uint8Array, SealBroken, MasterKey> {
  const master = yield* MasterKey
  const key = yield* master.unwrap(pooled, POOL_CONTEXT)
  const wrapped = master.wrap(key, keyContext("registration", owner))
  key.fill(0)
  return wrapped
})

/** A new wrapped key that seals `f`. */
export const makeSealKey = (master: Context.Tag.Service<MasterKey>, owner: KeyOwner): Uint8Array => {
  const key = randomBytes(32)
  const wrapped = master.wrap(key, keyContext("seal", owner))
  key.fill(0)
  return wrapped
}

/** The user's private key for registration payloads (PKCS#8 DER), alive inside the scope of `use` only. */
export const withRegistrationKey = <A, E, R>(
  user: KeyOwner & Pick<UserKeys, "registrationKey">,
  use: (privateKey: Buffer) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | SealBroken, R | MasterKey> =>
  Effect.acquireUseRelease(
    Effect.flatMap(MasterKey, (master) =>
      master.unwrap(user.registrationKey, keyContext("registration", user))
    ),
    use,
    (key) => Effect.sync(() => key.fill(0))
  )

/** What `getpublickey` answers, before base64: SubjectPublicKeyInfo DER. */
export const publicKeyOf = (
  user: KeyOwner & Pick<UserKeys, "registrationKey">
): Effect.Effect<Buffer, SealBroken, MasterKey | RsaKeys> =>
  Effect.flatMap(RsaKeys, (rsa) =>
    withRegistrationKey(user, (privateKey) => Effect.sync(() => rsa.publicKey(privateKey)))
  )

/**
 * The JSON text inside a registration payload (contract section 2). Line breaks in the base64, as some encoders make them, are
 * ignored. What is no base64 of whole blocks fails at once, `failing` = `ENCODING`: its sender learns nothing from that. All
 * else costs the same whether it can be read or not. The text itself cannot be wiped, the bytes that it came from are.
 */
export const openPayload = Effect.fnUntraced(function* (
  user: KeyOwner & Pick<UserKeys, "registrationKey">,
  payload: string
): Effect.fn.Return<Redacted.Redacted<string>, PayloadUnreadable | SealBroken, MasterKey | RsaKeys> {
  const rsa = yield* RsaKeys
  const blocks = blocksOf(payload)
  if (blocks === undefined) return yield* new PayloadUnreadable({ failing: ENCODING })
  const plain = yield* withRegistrationKey(user, (privateKey) =>
    rsa.decryptBlocks(privateKey, blocks, MAX_PAYLOAD_BLOCKS)
  )
  // A decoder that throws takes longer for rubbish.
  const text = isUtf8(plain) ? Redacted.make(new TextDecoder().decode(plain)) : undefined
  plain.fill(0)
  return text ?? (yield* new PayloadUnreadable())
  // Nobody would wipe what was decrypted for somebody who is gone.
}, Effect.uninterruptible)

/** Bytes in strict base64, padded or not; undefined if it is something else, or more than a payload may have. */
const blocksOf = (payload: string): Buffer | undefined => {
  const base64 = payload.replace(/[\r\n\t ]+/g, "").replace(/={1,2}$/, "")
  if (base64.length > MAX_PAYLOAD_CHARACTERS || !/^[A-Za-z0-9+/]+$/.test(base64)) return undefined
  const blocks = Buffer.from(base64, "base64")
  // Bits beyond the last byte have to be 0, so that each payload has one form.
  return blocks.toString("base64").startsWith(base64) ? blocks : undefined
}

/** RSA-2048: 256 bytes each. */
const MAX_PAYLOAD_CHARACTERS = Math.ceil((MAX_PAYLOAD_BLOCKS * 256 * 4) / 3)
