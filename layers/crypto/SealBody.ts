import { createHmac, createSecretKey, type KeyObject, randomBytes, timingSafeEqual } from "node:crypto"
import { type Context, Effect, Option } from "effect"
import type { Generation } from "../../schemas/Ids.ts"
import type { StorageError } from "../../schemas/StorageError.ts"
import type { Storage, User } from "../storage/Storage.ts"
import { AES_GCM_OVERHEAD, open, seal } from "./AesGcm.ts"
import type { CallbackKey } from "./CallbackKey.ts"
import { SealBroken } from "./MasterKey.ts"

/** What a body is bound to. It opens only with all of it unchanged. */
export interface Binding {
  readonly user: User
  readonly generation: Generation
  readonly sealKey: KeyObject
  /** Header, user number and user id as bytes. */
  readonly bound: Buffer
}

/** One of the ways in which credentials rest in `f`, after the header. */
export interface SealBody {
  /** Bytes in `f` for so many bytes of credentials. */
  readonly sizeOf: (plain: number) => number
  readonly close: (binding: Binding, plain: Buffer) => Effect.Effect<Buffer, StorageError | SealBroken>
  /** None if what lies outside of `f` is gone. The caller wipes the result. */
  readonly open: (
    binding: Binding,
    body: Buffer
  ) => Effect.Effect<Option.Option<Buffer>, StorageError | SealBroken>
}

/** What `SealBroken` says could not be opened. */
export const CREDENTIALS = "callback credentials"

/** AES-256-GCM under the user's seal key. */
export const sealed: SealBody = {
  sizeOf: (plain) => plain + AES_GCM_OVERHEAD,
  close: ({ bound, sealKey }, plain) => Effect.sync(() => seal(sealKey, plain, bound)),
  open: ({ bound, sealKey }, body) => Effect.suspend(() => opened(open(sealKey, body, bound)))
}

/**
 * PKCS#1 v1.5 blocks to the user's callback key pair, of a tag under the seal key and the credentials: RSA alone would
 * neither notice changed bytes nor know for which generation they were meant. Nobody can ask what becomes of blocks of his own:
 * the MAC over `f` is checked before, and only we make one. A block that does not open and a wrong tag are the same error.
 */
export const rsa = (callbackKey: CallbackKey): SealBody => ({
  sizeOf: (plain) => callbackKey.sizeOf(TAG_BYTES + plain),
  close: ({ bound, sealKey, user }, plain) =>
    Effect.suspend(() => {
      const tagged = Buffer.concat([tagOf(sealKey, bound, plain), plain])
      return Effect.ensuring(callbackKey.encrypt(user, tagged), wiped(tagged))
    }),
  open: ({ bound, sealKey, user }, body) =>
    Effect.flatMap(
      callbackKey.decrypt(user, body),
      Option.match({
        onNone: () => Effect.succeedNone,
        onSome: (tagged) => {
          const plain = tagged.subarray(TAG_BYTES)
          const tag = tagged.subarray(0, TAG_BYTES)
          const authentic = tag.length === TAG_BYTES && timingSafeEqual(tag, tagOf(sealKey, bound, plain))
          if (!authentic) tagged.fill(0)
          return opened(authentic ? plain : undefined)
        }
      })
    )
})

/**
 * A random key, which exists nowhere else. Storage has the credentials under that key and, over it, the seal key: without
 * the URL storage is of no use, and without the user's row neither is.
 */
export const split = (storage: Context.Tag.Service<Storage>): SealBody => ({
  sizeOf: () => ONCE_BYTES,
  close: ({ bound, generation, sealKey, user }, plain) =>
    Effect.suspend(() => {
      const once = randomBytes(ONCE_BYTES)
      const ciphertext = seal(sealKey, seal(createSecretKey(once), plain, bound), bound)
      return Effect.as(storage.savePartial(user.user, generation, ciphertext), once).pipe(
        // Nobody gets it then.
        Effect.onError(() => wiped(once))
      )
    }),
  open: ({ bound, generation, sealKey, user }, once) =>
    Effect.flatMap(
      Effect.interruptible(storage.partial(user.user, generation)),
      Option.match({
        onNone: () => Effect.succeedNone,
        onSome: (ciphertext) => {
          const inner = once.length === ONCE_BYTES ? open(sealKey, ciphertext, bound) : undefined
          return opened(inner && open(createSecretKey(once), inner, bound))
        }
      })
    )
})

const ONCE_BYTES = 32
const TAG_BYTES = 16

const tagOf = (sealKey: KeyObject, bound: Buffer, plain: Buffer) =>
  createHmac("sha256", sealKey).update(bound).update(plain).digest().subarray(0, TAG_BYTES)

const opened = (plain: Buffer | undefined): Effect.Effect<Option.Option<Buffer>, SealBroken> =>
  plain === undefined ? Effect.fail(new SealBroken({ what: CREDENTIALS })) : Effect.succeedSome(plain)

const wiped = (buffer: Buffer) =>
  Effect.sync(() => {
    buffer.fill(0)
  })
