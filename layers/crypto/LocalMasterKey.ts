import { createSecretKey, hkdfSync, randomBytes } from "node:crypto"
import { type Context, Effect, Layer, Redacted } from "effect"
import type { SettingsShape } from "../../schemas/Settings.ts"
import { open, seal } from "./AesGcm.ts"
import { MasterKey, SealBroken } from "./MasterKey.ts"
import {
  loadMasterKey,
  MASTER_KEY_BYTES,
  type MasterKeyUnusable,
  parseMasterKey,
  readMasterKey
} from "./MasterKeyFile.ts"

/** Where the master key is: in a file, or in a setting. */
export type KeySource = SettingsShape["masterKey"]

/** The master key from its file (made if there is none) or from the setting's value. */
export const layer = (source: KeySource): Layer.Layer<MasterKey, MasterKeyUnusable> =>
  Layer.effect(MasterKey, load(source))

export const load = (source: KeySource): Effect.Effect<MasterKey["Type"], MasterKeyUnusable> =>
  Effect.map("file" in source ? loadMasterKey(source.file) : parsed(source), make)

/** The same, but a file must be there. */
export const read = (source: KeySource): Effect.Effect<MasterKey["Type"], MasterKeyUnusable> =>
  Effect.map("file" in source ? readMasterKey(source.file) : parsed(source), make)

/** A random master key that nobody keeps. */
export const layerTest: Layer.Layer<MasterKey> = Layer.sync(MasterKey, () =>
  make(randomBytes(MASTER_KEY_BYTES))
)

/** The service over a 256-bit key. Takes the buffer over and wipes it. */
export const make = (raw: Buffer): Context.Tag.Service<MasterKey> => {
  const master = createSecretKey(raw)
  raw.fill(0)
  const derive = (label: string) => Buffer.from(hkdfSync("sha256", master, "", `ens:${label}`, 32))

  const forWrapping = derive("wrap")
  const wrappingKey = createSecretKey(forWrapping)
  forWrapping.fill(0)

  return MasterKey.of({
    derive,
    checkValue: derive("check-value").subarray(0, 16),
    wrap: (plain, context) =>
      Buffer.concat([Uint8Array.of(VERSION), seal(wrappingKey, plain, boundTo(context))]),
    unwrap: (wrapped, context) =>
      Effect.suspend(() => {
        const plain =
          wrapped[0] === VERSION ? open(wrappingKey, wrapped.subarray(1), boundTo(context)) : undefined
        return plain === undefined ? Effect.fail(new SealBroken({ what: context })) : Effect.succeed(plain)
      })
  })
}

const parsed = ({ value }: Extract<KeySource, { readonly value: unknown }>) =>
  parseMasterKey(Redacted.value(value), "ENS_MASTER_KEY")

/** First byte of everything wrapped: tells a later form of wrapping apart. */
const VERSION = 1

const boundTo = (context: string) => Buffer.from(`ens-wrap:${VERSION}:${context}`, "utf8")
