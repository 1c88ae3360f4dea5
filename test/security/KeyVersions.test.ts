import { randomBytes } from "node:crypto"
import { copyFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Option, Redacted } from "effect"
import { headerOf } from "../../layers/crypto/CallbackHeader.ts"
import { CallbackSeal } from "../../layers/crypto/CallbackSeal.ts"
import * as LocalMasterKey from "../../layers/crypto/LocalMasterKey.ts"
import { MasterKey } from "../../layers/crypto/MasterKey.ts"
import * as NodeRsaKeys from "../../layers/crypto/NodeRsaKeys.ts"
import * as SealedCallback from "../../layers/crypto/SealedCallback.ts"
import * as ServiceKeys from "../../layers/crypto/ServiceKeys.ts"
import { makeSealKey, makeUserKeys, POOL_CONTEXT } from "../../layers/crypto/UserKeyring.ts"
import * as SqliteStorage from "../../layers/storage/SqliteStorage.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import type { Credentials } from "../../schemas/Credentials.ts"
import { userIdOfAddress } from "../../schemas/Ids.ts"
import { addTenant, generation, subscribed } from "../layers/storage/Samples.ts"
import { queryOf, settingsOf, somePrivateKey } from "../support/CryptoFixture.ts"
import { temporaryDirectory } from "../support/TemporaryDirectory.ts"
import { blobsIn, decryptedWith, filesIn, openUrl, secretsIn } from "./Loot.ts"

const privateKey = somePrivateKey()
const ADDRESS = "carl.smartcard@wonderland.example"
const PKCS12 = randomBytes(2_300).toString("base64")
const WITH_PASSWORD: Credentials = {
  address: ADDRESS,
  username: ADDRESS,
  password: "Jam-tomorrow-and-yesterday"
}
const WITH_CERTIFICATE: Credentials = {
  address: ADDRESS,
  certificate: PKCS12,
  certificatePassword: "The-time-has-come-1871"
}
const SECRETS = {
  "the password": "Jam-tomorrow-and-yesterday",
  "the beginning of the certificate": PKCS12.slice(0, 48),
  "the end of the certificate": PKCS12.slice(-48),
  "the certificate's password": "The-time-has-come-1871",
  "the address": ADDRESS
}

/** One user in a file of his own, the keys that he gets, and the copies that thieves make. */
const inhabited = (mode: "sealed" | "rsa") =>
  Effect.gen(function* () {
    const directory = yield* temporaryDirectory
    const file = join(directory, "ens.db")
    const master = LocalMasterKey.make(randomBytes(32))
    const services = SealedCallback.layer.pipe(
      Layer.provide(ServiceKeys.layer),
      Layer.provideMerge(
        Layer.mergeAll(
          SqliteStorage.layer(file),
          Layer.succeed(MasterKey, master),
          NodeRsaKeys.layer,
          settingsOf({ webhookCredentials: mode })
        )
      )
    )
    const context = yield* Layer.build(services)
    const as = <A, E>(effect: Effect.Effect<A, E, Layer.Layer.Success<typeof services>>) =>
      Effect.provide(effect, context)
    const { user } = yield* as(
      Effect.gen(function* () {
        const storage = yield* Storage
        const tenant = yield* addTenant("default")
        const userId = userIdOfAddress(ADDRESS)
        const pooled = master.wrap(privateKey, POOL_CONTEXT)
        const keys = yield* makeUserKeys(tenant, userId, pooled)
        return yield* storage.createUser({ tenant, userId, keys, createdAt: 1 })
      })
    )
    /** A subscription of this generation, made at this time; its callback URL. */
    const subscribe = (number: number, at: number, credentials: Credentials) =>
      as(
        Effect.gen(function* () {
          const storage = yield* Storage
          const row = Option.getOrThrow(yield* storage.user(user))
          const url = yield* (yield* CallbackSeal).makeUrl(
            row,
            generation(number),
            Redacted.make(credentials)
          )
          const made = subscribed(user, { generation: generation(number), subscribedAt: at })
          yield* storage.saveSubscribed(made, new Uint8Array(16), undefined)
          return url
        })
      )
    const replaceKey = (at: number) =>
      as(
        Effect.gen(function* () {
          const storage = yield* Storage
          const row = Option.getOrThrow(yield* storage.user(user))
          yield* storage.replaceSealKey(user, makeSealKey(master, row), at)
        })
      )
    let copies = 0
    /** What a thief of the database, of the master key and of this URL has. */
    const stolen = (url: string) => {
      const copy = join(directory, `copy${copies++}.db`)
      copyFileSync(file, copy)
      for (const more of ["-wal"]) copyFileSync(file + more, copy + more)
      return openUrl(copy, master, url)
    }
    const storage = yield* as(Storage)
    return { as, directory, file, master, replaceKey, storage, stolen, subscribe, user }
  })

for (const mode of ["sealed", "rsa"] as const) {
  describe(`a certificate as log-in, split (mode ${mode})`, () => {
    it.scopedLive("is not had with database and master key alone, by nobody who has no callback URL", () =>
      Effect.gen(function* () {
        const { directory, file, master, replaceKey, stolen, subscribe } = yield* inhabited(mode)
        const url = yield* subscribe(1, 10, WITH_CERTIFICATE)
        expect(headerOf(queryOf(url).f)?.mode).toBe("split")
        for (const since of ["before", "after"]) {
          if (since === "after") yield* replaceKey(20)
          const opened = yield* decryptedWith(file, master)
          expect(secretsIn([...filesIn(directory), ...blobsIn(file), ...opened], SECRETS)).toEqual([])
          // The control.
          expect(Option.getOrThrow(yield* stolen(url))).toEqual(WITH_CERTIFICATE)
        }
        expect(secretsIn([Buffer.from(url), Buffer.from(queryOf(url).f, "base64url")], SECRETS)).toEqual([])
      })
    )
  })

  describe(`keys of a user that were replaced (mode ${mode})`, () => {
    for (const [kind, credentials] of [
      ["a password", WITH_PASSWORD],
      ["a certificate", WITH_CERTIFICATE]
    ] as const) {
      it.scopedLive(`open URLs with ${kind} that were made with them only until they are dropped`, () =>
        Effect.gen(function* () {
          const { replaceKey, stolen, storage, subscribe } = yield* inhabited(mode)
          const first = yield* subscribe(1, 10, credentials)
          yield* replaceKey(20)
          expect(Option.isSome(yield* stolen(first))).toBe(true)
          const second = yield* subscribe(2, 30, credentials)
          yield* storage.dropFormerKeys(25)
          yield* storage.dropFormerKeys(1_000)
          expect(yield* stolen(first)).toEqual(Option.none())
          expect(Option.getOrThrow(yield* stolen(second))).toEqual(credentials)
          // One version back, and no further.
          yield* replaceKey(40)
          yield* subscribe(3, 50, credentials)
          yield* replaceKey(60)
          expect(yield* stolen(second)).toEqual(Option.none())
        })
      )

      it.scopedLive(`open nothing any more when keys are retired, with ${kind}`, () =>
        Effect.gen(function* () {
          const { master, replaceKey, stolen, storage, subscribe, user } = yield* inhabited(mode)
          const urls = [yield* subscribe(1, 10, credentials)]
          yield* replaceKey(20)
          urls.push(yield* subscribe(2, 30, credentials))
          const row = Option.getOrThrow(yield* storage.user(user))
          yield* storage.saveLinks([
            { user, generation: generation(2), link: "CredentialsRejected", linkSince: 40, nudges: 0 }
          ])
          assert.isTrue(yield* storage.retireKeys(user, makeSealKey(master, row)))
          for (const url of urls) expect(yield* stolen(url)).toEqual(Option.none())
          expect(yield* storage.formerKeys(user)).toEqual([])
        })
      )
    }
  })
}
