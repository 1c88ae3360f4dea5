import { Context, Effect, Layer, Option } from "effect"
import type { StorageError } from "../../schemas/StorageError.ts"
import { Storage } from "../storage/Storage.ts"
import { CallbackMac } from "./CallbackMac.ts"
import { CallbackMacs } from "./CallbackMacs.ts"
import { HmacKey } from "./HmacKey.ts"
import { MasterKey, type SealBroken } from "./MasterKey.ts"
import {
  firstRing,
  SERVICE_KEYS,
  type ServiceKeyRing,
  unwrapRing,
  wipeRing,
  withNewestMac,
  wrapRing
} from "./ServiceKeyRing.ts"

/**
 * Keys of the service itself. They rest in the database, wrapped by the master key, so that replacing the master key
 * changes none of them: callback URLs that Exchange has go on working, mailboxes are recognised as before.
 */
export class ServiceKeys extends Context.Tag("ens/ServiceKeys")<
  ServiceKeys,
  {
    /** Recognises mailboxes; never replaced. */
    readonly fingerprint: HmacKey
    /** Signs and verifies callback URLs. */
    readonly callbackMac: CallbackMacs
    /** Tells apart with which key callback URLs are signed now; says nothing about it. */
    readonly form: Uint8Array
    /** Removes the keys that only verify, here and in the database; callback URLs signed with them are rubbish then. */
    readonly dropOldMacs: Effect.Effect<void, StorageError | SealBroken>
  }
>() {}

/** The keys in the database, put there on the first start. To be built where the master key is known to be the right one. */
export const layer: Layer.Layer<ServiceKeys, StorageError | SealBroken, Storage | MasterKey> = Layer.effect(
  ServiceKeys,
  Effect.gen(function* () {
    const storage = yield* Storage
    const master = yield* MasterKey
    const stored = yield* storage.findMeta(SERVICE_KEYS)
    const wrapped = Option.isSome(stored)
      ? stored.value
      : yield* storage.meta(SERVICE_KEYS, wrappedFirst(master))
    const drop = Effect.gen(function* () {
      const now = Option.getOrElse(yield* storage.findMeta(SERVICE_KEYS), () => wrapped)
      const ring = yield* unwrapRing(master, now)
      const newest = wrapRing(master, withNewestMac(ring))
      wipeRing(ring)
      yield* storage.changeMeta({ put: { [SERVICE_KEYS]: newest }, drop: [] })
    })
    return of(yield* unwrapRing(master, wrapped), drop)
  })
)

/** Keys that are kept nowhere: those that a new database of this master key would begin with. */
export const ofMasterKey = (master: MasterKey["Type"]): ServiceKeys["Type"] =>
  of(firstRing(master), Effect.void)

/** The same, for what has no database. */
export const layerDerived: Layer.Layer<ServiceKeys, never, MasterKey> = Layer.effect(
  ServiceKeys,
  Effect.map(MasterKey, ofMasterKey)
)

const wrappedFirst = (master: MasterKey["Type"]): Uint8Array => {
  const ring = firstRing(master)
  const wrapped = wrapRing(master, ring)
  wipeRing(ring)
  return wrapped
}

/** Takes the ring's bytes over and wipes them. */
const of = (
  { callbackMac: [newest, ...older], fingerprint }: ServiceKeyRing,
  drop: Effect.Effect<void, StorageError | SealBroken>
): ServiceKeys["Type"] => {
  const macOf = ({ key }: { readonly key: Uint8Array }) => {
    const raw = Buffer.from(key)
    key.fill(0)
    return new CallbackMac(raw)
  }
  const macs = new CallbackMacs(macOf(newest), older.map(macOf))
  const service = {
    fingerprint: new HmacKey(fingerprint),
    callbackMac: macs,
    form: newest.id,
    dropOldMacs: Effect.tap(drop, () => macs.keepNewest())
  }
  fingerprint.fill(0)
  return service
}
