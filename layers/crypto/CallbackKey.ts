import { type Context, Effect, Option } from "effect"
import type { StorageError } from "../../schemas/StorageError.ts"
import type { Storage, User } from "../storage/Storage.ts"
import { type MasterKey, SealBroken } from "./MasterKey.ts"
import type { RsaKeys } from "./RsaKeys.ts"
import { keyContext } from "./UserKeyring.ts"

/** A user's second RSA key pair, made on first use. No device ever gets its public half. */
export interface CallbackKey {
  /** Bytes of the blocks for so many bytes. */
  readonly sizeOf: (plain: number) => number
  readonly encrypt: (user: User, plain: Buffer) => Effect.Effect<Buffer, StorageError | SealBroken>
  /** None if the user has no such key pair. The caller wipes the result. */
  readonly decrypt: (
    user: User,
    blocks: Buffer
  ) => Effect.Effect<Option.Option<Buffer>, StorageError | SealBroken>
}

export const makeCallbackKey = (
  master: Context.Tag.Service<MasterKey>,
  rsa: Context.Tag.Service<RsaKeys>,
  storage: Context.Tag.Service<Storage>
): CallbackKey => {
  /** The wrapped private key; the user at hand may have been read before it was made. */
  const stored = (user: User) =>
    user.callbackKey === null
      ? Effect.map(
          Effect.interruptible(storage.user(user.user)),
          Option.flatMapNullable((fresh) => fresh.callbackKey)
        )
      : Effect.succeedSome(user.callbackKey)

  const made = (user: User) =>
    Effect.flatMap(rsa.generate, (key) => {
      const wrapped = master.wrap(key, keyContext("callback", user))
      key.fill(0)
      return storage.setCallbackKey(user.user, wrapped)
    })

  const unwrapped = <A, E>(user: User, wrapped: Uint8Array, use: (key: Buffer) => Effect.Effect<A, E>) =>
    Effect.acquireUseRelease(master.unwrap(wrapped, keyContext("callback", user)), use, (key) =>
      Effect.sync(() => key.fill(0))
    )

  return {
    sizeOf: (plain) => Math.ceil(plain / PIECE_BYTES) * BLOCK_BYTES,
    encrypt: (user, plain) =>
      stored(user).pipe(
        Effect.flatMap(Option.match({ onNone: () => made(user), onSome: Effect.succeed })),
        Effect.flatMap((wrapped) =>
          unwrapped(user, wrapped, (key) => Effect.sync(() => rsa.encryptBlocks(rsa.publicKey(key), plain)))
        )
      ),
    decrypt: (user, blocks) =>
      Effect.flatMap(
        stored(user),
        Option.match({
          onNone: () => Effect.succeedNone,
          onSome: (wrapped) =>
            unwrapped(user, wrapped, (key) => rsa.decryptBlocks(key, blocks, MAX_BLOCKS)).pipe(
              Effect.catchTag("PayloadUnreadable", () => new SealBroken({ what: "callback credentials" })),
              Effect.asSome
            )
        })
      )
  }
}

/** RSA-2048: a block, and what fits into one beside PKCS#1 v1.5 padding. */
const BLOCK_BYTES = 256
const PIECE_BYTES = BLOCK_BYTES - 11
/** More blocks do not fit into a URL. */
const MAX_BLOCKS = 6
