import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Layer, Logger, LogLevel, Option, Redacted } from "effect"
import { Subscriptions } from "../../actors/Subscriptions.ts"
import { CallbackSeal } from "../../layers/crypto/CallbackSeal.ts"
import { MasterKey } from "../../layers/crypto/MasterKey.ts"
import * as NodeRsaKeys from "../../layers/crypto/NodeRsaKeys.ts"
import * as SealedCallback from "../../layers/crypto/SealedCallback.ts"
import { makeUserKeys, POOL_CONTEXT } from "../../layers/crypto/UserKeyring.ts"
import { Storage, type Tenant } from "../../layers/storage/Storage.ts"
import { type Generation, userIdOfAddress } from "../../schemas/Ids.ts"
import * as Config from "../../src/Config.ts"
import { PublicListener } from "../../src/http/PublicListener.ts"
import * as Service from "../../src/Service.ts"
import { serveBench } from "./BenchServer.ts"
import { subscriptionIdOf } from "./Heartbeat.ts"

/**
 * All of ENS as `ens start` runs it, on a database in a temporary directory: MAC, reader, resident actors, timing wheel,
 * write-behind. Arguments: the number of subscriptions; for TLS, the files of certificate and key.
 */
const [users, certFile, keyFile] = process.argv.slice(2)
const count = Number(users ?? 1000)
const directory = mkdtempSync(join(tmpdir(), "ens-bench-"))
process.on("exit", () => rmSync(directory, { recursive: true, force: true }))

/** A bench may want other limits than there are by default. */
const limits = Object.fromEntries(Object.entries(process.env).filter(([key]) => key.startsWith("ENS_LIMIT_")))

const settings = Config.layer({
  environment: {
    ENS_DATA_DIR: directory,
    ENS_PORT: "0",
    ENS_ADMIN_PORT: "0",
    ENS_PUBLIC_URL: `${certFile === undefined ? "http" : "https"}://127.0.0.1:8080`,
    ENS_TLS_CERT_FILE: certFile,
    ENS_TLS_KEY_FILE: keyFile,
    // Making RSA keys beside the measurement would be measured, too.
    ENS_KEYPOOL_BATCH: "1",
    ENS_KEYPOOL_THRESHOLD: "1",
    ...limits
  }
})

const subscribed = Effect.fnUntraced(function* (tenant: Tenant, index: number) {
  const storage = yield* Storage
  const master = yield* MasterKey
  const address = `user${index}@example.com`
  const userId = userIdOfAddress(address)
  const now = Date.now()
  const keys = yield* makeUserKeys(tenant.tenant, userId, master.wrap(randomBytes(32), POOL_CONTEXT))
  const user = yield* storage.createUser({ tenant: tenant.tenant, userId, keys, createdAt: now })
  const generation = 1 as Generation
  yield* storage.saveSubscribed(
    {
      user: user.user,
      generation,
      subscriptionId: subscriptionIdOf(index),
      watermark: null,
      ewsUrl: "http://127.0.0.1:9/EWS/Exchange.asmx",
      exchangeVersion: "Exchange2013_SP1",
      authType: "Basic",
      tokenExpiresAt: null,
      subscribedAt: now,
      form: null,
      unread: null
    },
    randomBytes(16),
    {
      token: randomBytes(32).toString("hex"),
      platform: "iOS",
      bundleId: "com.example.mail",
      deviceId: null,
      policy: 1,
      sound: null,
      environment: "production",
      registeredAt: now
    }
  )
  const credentials = Redacted.make({
    address,
    username: `EXAMPLE\\user${index}`,
    password: "correct horse battery"
  })
  const url = new URL(yield* (yield* CallbackSeal).makeUrl(user, generation, credentials))
  return url.pathname + url.search
})

const seed = Effect.gen(function* () {
  const storage = yield* Storage
  const hash = randomBytes(32)
  const label = { tenant: "bench", label: "bench" }
  yield* storage.createToken({ ...label, hash, ewsUrls: [], ewsPins: [], seg: false, createdAt: Date.now() })
  const tenant = Option.getOrThrow(yield* storage.tenantOfToken(hash))
  return yield* Effect.forEach(
    Array.from({ length: count }, (_, index) => index),
    (index) => subscribed(tenant, index),
    { concurrency: 100 }
  )
}).pipe(
  Effect.provide(
    SealedCallback.layer.pipe(Layer.provide(NodeRsaKeys.layer), Layer.provideMerge(Service.data))
  )
)

const serve = (targets: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { port } = yield* PublicListener
    const subscriptions = yield* Subscriptions
    while (!subscriptions.loaded()) yield* Effect.sleep("10 millis")
    serveBench(port, targets)
    yield* Effect.never
  }).pipe(Effect.provide(Service.layer))

Effect.flatMap(seed, serve).pipe(
  Effect.provide(settings),
  Logger.withMinimumLogLevel(LogLevel.Warning),
  NodeRuntime.runMain
)
