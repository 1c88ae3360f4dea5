import { Clock, Effect, Option, Schema } from "effect"
import { isTooOld } from "../../actors/KeyAge.ts"
import { KeyPool } from "../../actors/KeyPool.ts"
import type { MasterKey } from "../../layers/crypto/MasterKey.ts"
import type { RsaKeys } from "../../layers/crypto/RsaKeys.ts"
import { makeRegistrationKey, makeUserKeys, publicKeyOf } from "../../layers/crypto/UserKeyring.ts"
import { type KeyedUser, Storage } from "../../layers/storage/Storage.ts"
import { GetPublicKeyRequest, requestReader } from "../../schemas/DeviceApi.ts"
import type { TenantNumber, UserId } from "../../schemas/Ids.ts"
import { Settings } from "../../schemas/Settings.ts"
import type { Call, Endpoint } from "./Endpoint.ts"
import { tooMany } from "./Envelope.ts"
import { Limits } from "./Limits.ts"

type KeyServices = Settings | Storage | KeyPool | MasterKey | RsaKeys | Limits

/**
 * Hands out the user's public key; a user seen for the first time is made with keys out of the pool. A key pair that is older
 * than the settings allow is replaced now, when the phone is about to encrypt to it.
 */
export const getPublicKey: Endpoint<GetPublicKeyRequest, KeyServices> = {
  name: "getpublickey",
  read: requestReader(GetPublicKeyRequest),
  storageFailed: "ErrorSubscribeOrUpdateDb",
  handle: ({ tenant }, { userId }) =>
    Effect.gen(function* () {
      const storage = yield* Storage
      const known = yield* storage.findUser(tenant.tenant, userId)
      const user = Option.isSome(known) ? yield* withYoungKey(known.value) : yield* newUser(tenant, userId)
      const publicKey = yield* publicKeyOf(user)
      return { code: "UpdateSuccess" as const, message: "", publicKey: publicKey.toString("base64") }
    }).pipe(
      Effect.catchTag("TooManyNewUsers", ({ message, wait }) =>
        Effect.map(Limits, ({ refused }) => {
          refused("newUsers")
          return tooMany(message, wait)
        })
      )
    )
}

/** However short the settings want it: payloads made with the key before the last one open nothing. */
const LEAST_AGE = 60 * 60_000

/**
 * Phones that ask at once get the same new key. Where it cannot be had or stored, or few are left in the pool, the present one
 * goes on: nobody waits for a key because the old one is.
 */
const withYoungKey = (user: KeyedUser) =>
  Effect.gen(function* () {
    const { userKeyMaxAge = Number.POSITIVE_INFINITY } = yield* Settings
    const maxAge = Math.max(LEAST_AGE, userKeyMaxAge)
    const at = yield* Clock.currentTimeMillis
    if (!isTooOld(user.registrationKeyMadeAt, maxAge, at)) return user
    const storage = yield* Storage
    const pool = yield* KeyPool
    const spare = yield* pool.takeSpare
    if (Option.isNone(spare)) return user
    const key = yield* makeRegistrationKey(user, spare.value)
    yield* storage.replaceRegistrationKey(user.user, key, at, at - maxAge)
    yield* Effect.logInfo("the user's key pair for payloads has been replaced because of its age")
    return Option.getOrElse(yield* storage.user(user.user), () => user)
  }).pipe(
    Effect.catchAll((error) =>
      Effect.as(Effect.logWarning(`an old key pair stays in use: ${error.message}`), user)
    )
  )

/** Milliseconds until the tenant may make another one known. */
class TooManyNewUsers extends Schema.TaggedError<TooManyNewUsers>()("TooManyNewUsers", {
  wait: Schema.Number
}) {
  override get message() {
    return "too many users of this organisation asked for a key and have not registered yet"
  }
}

/** Who asks for the first time on several ways at once is made once, for one key; above the limit nobody is. */
const newUser = ({ tenant }: Call["tenant"], userId: UserId) =>
  Effect.gen(function* () {
    const { newUsers } = yield* Limits
    const storage = yield* Storage
    const made = Effect.gen(function* () {
      const known = yield* storage.findUser(tenant, userId)
      if (Option.isSome(known)) return known.value
      const wait = newUsers.take(tenant, userId, yield* Clock.currentTimeMillis)
      if (wait > 0) return yield* new TooManyNewUsers({ wait })
      return yield* Effect.onError(create(tenant, userId), () =>
        Effect.map(Clock.currentTimeMillis, (at) => newUsers.giveBack(tenant, userId, at))
      )
    })
    return yield* newUsers.inTurn(tenant, userId, made)
  })

const create = (tenant: TenantNumber, userId: UserId) =>
  Effect.gen(function* () {
    const storage = yield* Storage
    const pool = yield* KeyPool
    const pooled = yield* pool.take
    const keys = yield* makeUserKeys(tenant, userId, pooled)
    const createdAt = yield* Clock.currentTimeMillis
    yield* Effect.logDebug("a key pair was given to a new user")
    return yield* storage.createUser({ tenant, userId, keys, createdAt })
  })
