import { Clock, Effect, Option } from "effect"
import { KeyPool } from "../../actors/KeyPool.ts"
import type { MasterKey } from "../../layers/crypto/MasterKey.ts"
import type { RsaKeys } from "../../layers/crypto/RsaKeys.ts"
import { makeUserKeys, publicKeyOf } from "../../layers/crypto/UserKeyring.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { GetPublicKeyRequest, requestReader } from "../../schemas/DeviceApi.ts"
import type { UserId } from "../../schemas/Ids.ts"
import type { Call, Endpoint } from "./Endpoint.ts"

/** Hands out the user's public key; a user seen for the first time is made with keys out of the pool. */
export const getPublicKey: Endpoint<GetPublicKeyRequest, Storage | KeyPool | MasterKey | RsaKeys> = {
  name: "getpublickey",
  read: requestReader(GetPublicKeyRequest),
  storageFailed: "ErrorSubscribeOrUpdateDb",
  handle: ({ tenant }, { userId }) =>
    Effect.gen(function* () {
      const storage = yield* Storage
      const known = yield* storage.findUser(tenant.tenant, userId)
      const user = Option.isSome(known) ? known.value : yield* newUser(tenant, userId)
      const publicKey = yield* publicKeyOf(user)
      return { code: "UpdateSuccess", message: "", publicKey: publicKey.toString("base64") }
    })
}

const newUser = (tenant: Call["tenant"], userId: UserId) =>
  Effect.gen(function* () {
    const storage = yield* Storage
    const pool = yield* KeyPool
    const pooled = yield* pool.take
    const keys = yield* makeUserKeys(tenant.tenant, userId, pooled)
    const createdAt = yield* Clock.currentTimeMillis
    yield* Effect.logDebug("a key pair was given to a new user")
    return yield* storage.createUser({ tenant: tenant.tenant, userId, keys, createdAt })
  })
