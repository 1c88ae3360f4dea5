import { generateKeyPairSync, randomBytes } from "node:crypto"
import { Effect, Layer, Option, Redacted } from "effect"
import { MasterKey } from "../../layers/crypto/MasterKey.ts"
import * as NodeRsaKeys from "../../layers/crypto/NodeRsaKeys.ts"
import { RsaKeys } from "../../layers/crypto/RsaKeys.ts"
import * as SealedCallback from "../../layers/crypto/SealedCallback.ts"
import * as ServiceKeys from "../../layers/crypto/ServiceKeys.ts"
import { makeUserKeys, POOL_CONTEXT } from "../../layers/crypto/UserKeyring.ts"
import { type FormerKey, type KeyedUser, Storage } from "../../layers/storage/Storage.ts"
import type { Credentials } from "../../schemas/Credentials.ts"
import { Generation, TenantNumber, UserNumber, userIdOfAddress } from "../../schemas/Ids.ts"
import { Settings, type SettingsShape } from "../../schemas/Settings.ts"
import { defaultEwsSettings } from "./EwsSettings.ts"
import { NO_LIMITS } from "./NoLimits.ts"
import { defaultPushSettings } from "./PushSettings.ts"
import { noTls } from "./TlsFiles.ts"

/** Settings of which only some matter to the test at hand. */
export const settingsOf = (some: Partial<SettingsShape>): Layer.Layer<Settings> =>
  Layer.succeed(Settings, {
    host: "127.0.0.1",
    port: 0,
    adminHost: "127.0.0.1",
    adminPort: 0,
    publicUrl: "https://ens.example.com/MailNotificationService/api/ens",
    basePaths: [],
    environmentType: "Test",
    tls: noTls,
    dataDir: "/nonexistent",
    databaseUrl: Redacted.make("file:/nonexistent"),
    masterKey: { file: "/nonexistent" },
    statusFrequencyMinutes: 15,
    heartbeatCheckMinutes: 30,
    webhookCredentials: "sealed",
    callbackDeadline: 10_000,
    trustedProxies: [],
    limits: NO_LIMITS,
    callbackSources: [],
    crashDumps: "off",
    callbackHeldMax: 64,
    renewRate: 50,
    minPolicy: 0,
    ...defaultEwsSettings,
    userKeyMaxAge: undefined,
    retain: { devices: undefined, lost: undefined, events: undefined },
    keyPool: { batch: 500, threshold: 250, interval: 7_200_000 },
    ...defaultPushSettings,
    textNewMessage: "",
    textNewMessages: "",
    log: { format: "json", level: "info", file: undefined },
    logRotation: { size: undefined, age: undefined, keep: 14 },
    auditFile: undefined,
    console: "on",
    otel: {
      endpoint: undefined,
      headers: undefined,
      serviceName: "ens",
      resourceAttributes: {},
      sampled: 1
    },
    ...some
  })

/** One RSA-2048 private key per test file: making one takes long. */
export const somePrivateKey = (): Buffer =>
  generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "der" },
    privateKeyEncoding: { type: "pkcs8", format: "der" }
  }).privateKey

/** What the seal keeps in storage, open to the test's hands. */
export class SealShelf {
  readonly partials = new Map<string, Uint8Array>()
  readonly callbackKeys = new Map<string, Uint8Array>()
  readonly users = new Map<string, KeyedUser>()
  readonly formerKeys = new Map<string, ReadonlyArray<FormerKey>>()
  /** How often storage was asked for anything. */
  asked = 0

  readonly layer: Layer.Layer<Storage> = Layer.mock(Storage, {
    location: "memory",
    user: (user) => this.#count(() => Option.fromNullable(this.users.get(user))),
    setCallbackKey: (user, key) =>
      this.#count(() => {
        const kept = this.callbackKeys.get(user) ?? key
        this.callbackKeys.set(user, kept)
        const row = this.users.get(user)
        if (row !== undefined) this.users.set(user, { ...row, callbackKey: kept })
        return kept
      }),
    formerKeys: (user) => this.#count(() => this.formerKeys.get(user) ?? []),
    savePartial: (user, generation, ciphertext) =>
      this.#count(() => {
        this.partials.set(`${user}/${generation}`, ciphertext)
      }),
    partial: (user, generation) =>
      this.#count(() => Option.fromNullable(this.partials.get(`${user}/${generation}`)))
  })

  #count<A>(run: () => A): Effect.Effect<A> {
    return Effect.sync(() => {
      this.asked++
      return run()
    })
  }
}

/** RSA whose `generate` hands out the given key (over and over) instead of making one. */
export const rsaWith = (privateKey: () => Buffer): Layer.Layer<RsaKeys> =>
  Layer.effect(
    RsaKeys,
    Effect.map(RsaKeys, (rsa) => ({ ...rsa, generate: Effect.sync(() => Buffer.from(privateKey())) }))
  ).pipe(Layer.provide(Layer.orDie(NodeRsaKeys.layer)))

export const sealLayer = (
  shelf: SealShelf,
  master: Layer.Layer<MasterKey>,
  callbackKey: () => Buffer,
  some: Partial<SettingsShape> = {}
) =>
  SealedCallback.layer.pipe(
    Layer.provideMerge(ServiceKeys.layerDerived),
    Layer.provideMerge(Layer.mergeAll(master, shelf.layer, rsaWith(callbackKey), settingsOf(some)))
  )

/** A user whose keys are wrapped by the master key in the context. */
export const makeUser = (
  number: string,
  tenant: number,
  registrationKey: Buffer,
  address = "ann@example.com"
): Effect.Effect<KeyedUser, never, MasterKey> =>
  Effect.gen(function* () {
    const master = yield* MasterKey
    const owner = { tenant: TenantNumber.make(tenant), userId: userIdOfAddress(address) }
    const keys = yield* makeUserKeys(owner.tenant, owner.userId, master.wrap(registrationKey, POOL_CONTEXT))
    return {
      ...keys,
      ...owner,
      user: UserNumber.make(number),
      createdAt: 0,
      refused: 0 as Generation,
      sealKeyMadeAt: 0,
      registrationKeyMadeAt: 0,
      fingerprint: null
    }
  }).pipe(Effect.orDie)

export const generation = (n: number) => Generation.make(n)

export const basic: Credentials = {
  address: "ann@example.com",
  username: "ann",
  domain: "EXAMPLE",
  password: "correct horse battery staple"
}

export const samples: Record<string, Credentials> = {
  "a password": basic,
  "non-ASCII letters": {
    address: "jürgen.groß@例え.jp",
    username: "Jürgen",
    password: 'пароль 🔑 \u0000"\\ ſ'
  },
  "a 4 KB token": { address: "ann@example.com", accessToken: randomBytes(3_072).toString("base64url") },
  "a 6 KB certificate with a token": {
    address: "ann@example.com",
    certificate: randomBytes(6_144).toString("base64"),
    certificatePassword: "pfx",
    accessToken: randomBytes(900).toString("base64url")
  }
}

/** The query of a callback URL, as a listener reads it. */
export const queryOf = (url: string) => {
  const query = new URL(url).searchParams
  return { id: query.get("id") ?? "", f: query.get("f") ?? "", s: query.get("s") ?? "" }
}
