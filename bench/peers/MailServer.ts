import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Layer, Logger, LogLevel, Redacted } from "effect"
import { Subscriptions } from "../../actors/Subscriptions.ts"
import * as NodeRsaKeys from "../../layers/crypto/NodeRsaKeys.ts"
import * as SealedCallback from "../../layers/crypto/SealedCallback.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import * as Config from "../../src/Config.ts"
import { PublicListener } from "../../src/http/PublicListener.ts"
import * as Service from "../../src/Service.ts"
import { serveBench } from "./BenchServer.ts"
import { credentialsOf, type MailWorld } from "./MailWorld.ts"
import { callbackTarget, populate } from "./Population.ts"

/** All of ENS as `ens start` runs it, among users whose mails come. The argument is a file that holds the `MailWorld`. */
const world: MailWorld = JSON.parse(readFileSync(process.argv[2]!, "utf8"))
const directory = mkdtempSync(join(tmpdir(), "ens-bench-"))
process.on("exit", () => rmSync(directory, { recursive: true, force: true }))
const caFile = join(directory, "exchange.pem")
writeFileSync(caFile, world.ca)

const settings = Config.layer({
  environment: {
    ENS_DATA_DIR: directory,
    ENS_PORT: "0",
    ENS_ADMIN_PORT: "0",
    ENS_PUBLIC_URL: "http://127.0.0.1:8080",
    ENS_EWS_ALLOWED_HOSTS: "127.0.0.1",
    ENS_EWS_CA_FILE: caFile,
    ENS_PUSH: "cns",
    ENS_CNS_URL: world.gatewayUrl,
    // All callbacks come from one address here.
    ENS_CALLBACK_HELD_MAX: "1000",
    // Making RSA keys beside the measurement would be measured, too.
    ENS_KEYPOOL_BATCH: "1",
    ENS_KEYPOOL_THRESHOLD: "1"
  }
})

const AUTH_TYPES = { Bearer: "OAuth", Basic: "Basic", NTLM: "Basic", Certificate: "Certificate" } as const

const seed = Effect.gen(function* () {
  yield* Storage
  const now = Date.now()
  yield* populate({
    file: join(directory, "ens.db"),
    users: world.users,
    ewsUrl: world.ewsUrl,
    authType: AUTH_TYPES[world.logIn],
    lastHeard: () => now
  })
  return yield* Effect.forEach(
    Array.from({ length: world.users }, (_, index) => index),
    (index) => callbackTarget(index, Redacted.make(credentialsOf(world, index))),
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
  Logger.withMinimumLogLevel(LogLevel.Error),
  NodeRuntime.runMain
)
