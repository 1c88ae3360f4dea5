import { createSecretKey, hkdfSync, randomBytes } from "node:crypto"
import { type Context, Effect, Layer, Redacted } from "effect"
import type { SettingsShape } from "../../schemas/Settings.ts"
import { open, seal } from "./AesGcm.ts"
import { MasterKey, SealBroken } from "./MasterKey.ts"
import { loadMasterKey, MASTER_KEY_BYTES, type MasterKeyUnusable, parseMasterKey } from "./MasterKeyFile.ts"

/** The master key from its file (made if there is none) or from the setting's value. */
export const layer = (source: SettingsShape["masterKey"]): Layer.Layer<MasterKey, MasterKeyUnusable> =>
  Layer.effect(
    MasterKey,
    Effect.map(
      "file" in source
        ? loadMasterKey(source.file)
        : parseMasterKey(Redacted.value(source.value), "ENS_MASTER_KEY"),
      make
    )
  )

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

/** First byte of everything wrapped: tells a later form of wrapping apart. */
const VERSION = 1

const boundTo = (context: string) => Buffer.from(`ens-wrap:${VERSION}:${context}`, "utf8")
