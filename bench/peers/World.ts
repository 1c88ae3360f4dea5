import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Layer, Redacted } from "effect"
import { hashApiToken, makeApiToken } from "../../layers/crypto/ApiTokenSecret.ts"
import * as NodeRsaKeys from "../../layers/crypto/NodeRsaKeys.ts"
import * as SealedCallback from "../../layers/crypto/SealedCallback.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import * as Config from "../../src/Config.ts"
import * as Service from "../../src/Service.ts"
import { Load } from "./Load.ts"
import { Mailboxes } from "./Mailboxes.ts"
import { MailWatch } from "./MailWatch.ts"
import { PASSWORD, playExchange, userNameOf } from "./PlayedExchange.ts"
import { playGateway } from "./PlayedGateway.ts"
import { addressOf, callbackTarget, fillKeyPool, populate } from "./Population.ts"
import { Registrations } from "./Registrations.ts"
import type { WorldOrder, WorldPlan, WorldReady, WorldResult } from "./WorldOrders.ts"

/**
 * All that is around a running service, in one process: Exchange, which calls back and is asked, a push gateway, and
 * phones that register. Fills the data directory first. The argument is a `WorldPlan`.
 */
const plan = JSON.parse(process.argv[2]!) as WorldPlan
const mails = new MailWatch()
let mailboxes = new Mailboxes([])
const exchange = await playExchange((index) => mailboxes.unreadOf(index))
const gateway = await playGateway(({ serial, withDetails }) => mails.arrived(serial, withDetails))
const caFile = join(plan.directory, "exchange.pem")
writeFileSync(caFile, exchange.ca)

const settings = Config.layer({
  environment: { ENS_DATA_DIR: plan.directory, ENS_PORT: `${plan.port}` }
})

const fill = Effect.gen(function* () {
  const storage = yield* Storage
  const token = Redacted.value(yield* makeApiToken)
  // Makes the tenant that the population belongs to.
  yield* storage.createToken({
    tenant: "bench",
    label: "bench",
    hash: hashApiToken(token),
    ewsUrls: [exchange.url],
    ewsPins: [],
    seg: false,
    createdAt: Date.now()
  })
  const now = Date.now()
  yield* populate({
    file: join(plan.directory, "ens.db"),
    users: plan.users,
    ewsUrl: exchange.url,
    authType: "Basic",
    lastHeard: (index) => now - (index % 900) * 1000,
    ...(plan.ledger === undefined ? {} : { ledger: plan.ledger })
  })
  yield* fillKeyPool(plan.poolKeys)
  const targets = yield* Effect.forEach(
    Array.from({ length: plan.users }, (_, index) => index),
    (index) =>
      callbackTarget(
        index,
        Redacted.make({ address: addressOf(index), username: userNameOf(index), password: PASSWORD })
      ),
    { concurrency: 100 }
  )
  return { targets, token }
}).pipe(
  Effect.provide(
    SealedCallback.layer.pipe(Layer.provide(NodeRsaKeys.layer), Layer.provideMerge(Service.data))
  ),
  Effect.provide(settings)
)

const serve = Effect.gen(function* () {
  const { targets, token } = yield* fill
  mailboxes = new Mailboxes(targets)
  const registrations = new Registrations(token, plan.users)
  process.on("message", async (order: WorldOrder) => {
    exchange.takeCalls()
    gateway.takeCounts()
    const result = await new Load(order, { mailboxes, mails, registrations }).run()
    const { badges } = gateway.takeCounts()
    process.send?.({ ...result, badges, calls: exchange.takeCalls() } satisfies WorldResult)
  })
  process.on("disconnect", () => process.exit())
  process.send?.({ caFile, gatewayUrl: gateway.url } satisfies WorldReady)
  yield* Effect.never
})

NodeRuntime.runMain(serve)
