import { createHmac, createSecretKey, type KeyObject } from "node:crypto"
import { Effect, Layer, Option, Redacted } from "effect"
import type { RedactedCredentials } from "../../schemas/Credentials.ts"
import type { Generation } from "../../schemas/Ids.ts"
import { Settings } from "../../schemas/Settings.ts"
import { type FormerKey, Storage, type User } from "../storage/Storage.ts"
import { encodeHeader, HEADER_BYTES, headerOf } from "./CallbackHeader.ts"
import { makeCallbackKey } from "./CallbackKey.ts"
import { MAC_CHARACTERS, URL_LIMIT } from "./CallbackMac.ts"
import { CallbackSeal, type SealMode } from "./CallbackSeal.ts"
import { MasterKey, SealBroken } from "./MasterKey.ts"
import { pack, unpack } from "./PackedCredentials.ts"
import { RsaKeys } from "./RsaKeys.ts"
import { CREDENTIALS, rsa, type SealBody, sealed, split } from "./SealBody.ts"
import { ServiceKeys } from "./ServiceKeys.ts"
import { keyContext } from "./UserKeyring.ts"

type SealServices = Settings | MasterKey | ServiceKeys | RsaKeys | Storage

/** Seals credentials into callback URLs as the setting says (`sealed` or `rsa`), `split` where that is too long. */
export const layer: Layer.Layer<CallbackSeal, never, SealServices> = Layer.effect(
  CallbackSeal,
  Effect.gen(function* () {
    const { publicUrl, webhookCredentials } = yield* Settings
    const master = yield* MasterKey
    const storage = yield* Storage
    const { callbackMac: mac } = yield* ServiceKeys
    const bodies: Record<SealMode, SealBody> = {
      sealed,
      rsa: rsa(makeCallbackKey(master, yield* RsaKeys, storage)),
      split: split(storage)
    }

    const sealKeyOf = (user: User) =>
      Effect.map(master.unwrap(user.sealKey, keyContext("seal", user)), (raw) => {
        const key = createSecretKey(raw)
        raw.fill(0)
        return key
      })

    const urlOf = (user: User, f: string, s: string) =>
      `${publicUrl}/pushnotificationlistener?id=${user.user}&f=${f}&s=${s}`

    /** Bytes that a body may have, so that the URL stays under its limit. */
    const roomFor = (user: User) =>
      Math.floor(((URL_LIMIT - 1 - MAC_CHARACTERS - urlOf(user, "", "").length) * 3) / 4) - HEADER_BYTES

    const makeUrl = Effect.fnUntraced(function* (
      user: User,
      generation: Generation,
      credentials: RedactedCredentials
    ) {
      const sealKey = yield* sealKeyOf(user)
      const packed = pack(Redacted.value(credentials))
      const fits = bodies[webhookCredentials].sizeOf(packed.length) <= roomFor(user)
      const mode: SealMode = fits ? webhookCredentials : "split"
      const header = { mode, keyId: keyIdOf(sealKey), tenant: user.tenant, generation }
      const clear = encodeHeader(header)
      const body = yield* bodies[mode]
        .close({ user, generation, sealKey, bound: boundTo(user, clear) }, packed)
        .pipe(Effect.ensuring(wiped(packed)))
      const f = Buffer.concat([clear, body]).toString("base64url")
      return urlOf(user, f, mac.sign(user.user, header, f))
    })

    const broken = () => new SealBroken({ what: CREDENTIALS })

    /** Credentials out of what a body held. */
    const unpacked = (packed: Option.Option<Buffer>) => {
      if (Option.isNone(packed)) return Effect.succeedNone
      const credentials = unpack(packed.value)
      packed.value.fill(0)
      return Option.isSome(credentials) ? Effect.succeedSome(Redacted.make(credentials.value)) : broken()
    }

    const open = (user: User, generation: Generation, f: string) => {
      const header = headerOf(f)
      if (header === undefined || header.tenant !== user.tenant || header.generation !== generation) {
        return broken()
      }
      const bytes = Buffer.from(f, "base64url")
      const bound = boundTo(user, bytes.subarray(0, HEADER_BYTES))
      const openWith = (owner: User, sealKey: KeyObject) =>
        bodies[header.mode].open({ user: owner, generation, sealKey, bound }, bytes.subarray(HEADER_BYTES))
      const openFormerly = Effect.flatMap(formerly(user, header.keyId), (former) =>
        former === undefined ? Effect.succeedNone : openWith(former.user, former.sealKey)
      )
      return Effect.flatMap(sealKeyOf(user), (sealKey) => {
        // Another key than it was closed with opens nothing, so that the keys need not be compared before.
        const isPresent = () => keyIdOf(sealKey).equals(header.keyId)
        return openWith(user, sealKey).pipe(
          Effect.catchTag("SealBroken", (error) => (isPresent() ? error : Effect.succeedNone)),
          Effect.flatMap((packed) =>
            Option.isSome(packed) || isPresent() ? Effect.succeed(packed) : openFormerly
          ),
          Effect.flatMap(unpacked),
          // Nobody would wipe what was opened for somebody who is gone. Waiting for storage can be broken off.
          Effect.uninterruptible
        )
      })
    }

    /** The user with his former keys in the place of the present ones, if `keyId` is theirs. */
    const formerly = Effect.fnUntraced(function* (user: User, keyId: Uint8Array) {
      const keys = yield* Effect.interruptible(storage.formerKeys(user.user))
      const wrappedOf = (kind: FormerKey["kind"]) => keys.find((key) => key.kind === kind)?.wrapped
      const wrapped = wrappedOf("seal")
      if (wrapped === undefined) return undefined
      const former: User = { ...user, sealKey: wrapped, callbackKey: wrappedOf("callback") ?? null }
      const sealKey = yield* sealKeyOf(former)
      return keyIdOf(sealKey).equals(keyId) ? { user: former, sealKey } : undefined
    })

    const isFor = (user: User, f: string) =>
      Effect.flatMap(sealKeyOf(user), (sealKey) => {
        const keyId = headerOf(f)?.keyId
        if (keyId === undefined) return Effect.succeed(false)
        if (keyIdOf(sealKey).equals(keyId)) return Effect.succeed(true)
        return Effect.map(formerly(user, keyId), (former) => former !== undefined)
      })

    return { makeUrl, open, isFor, verify: (id, f, s) => mac.verify(id, f, s) }
  })
)

const keyIdOf = (sealKey: KeyObject) =>
  createHmac("sha256", sealKey).update("ens-key-id").digest().subarray(0, 4)

/** The header has a fixed length and numbers no letters, so no two users, generations or modes give the same bytes. */
const boundTo = (user: User, clear: Uint8Array) =>
  Buffer.concat([clear, Buffer.from(`${user.user}|${user.userId}`, "utf8")])

const wiped = (buffer: Buffer) =>
  Effect.sync(() => {
    buffer.fill(0)
  })
