import { randomBytes } from "node:crypto"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Layer } from "effect"
import { Subscriptions } from "../../actors/Subscriptions.ts"
import { encodeHeader } from "../../layers/crypto/CallbackHeader.ts"
import { CallbackMac } from "../../layers/crypto/CallbackMac.ts"
import { CallbackSeal } from "../../layers/crypto/CallbackSeal.ts"
import * as Ownership from "../../layers/ownership/Ownership.ts"
import type { Generation, TenantNumber, UserNumber } from "../../schemas/Ids.ts"
import { Settings } from "../../schemas/Settings.ts"
import * as Config from "../../src/Config.ts"
import { ApiTokens } from "../../src/http/ApiTokens.ts"
import * as CallbackListener from "../../src/http/CallbackListener.ts"
import * as Intake from "../../src/http/Intake.ts"
import * as Limits from "../../src/http/Limits.ts"
import * as PublicListener from "../../src/http/PublicListener.ts"
import { serveBench } from "./BenchServer.ts"

/**
 * ENS's public listener as `ens start` runs it, with the real MAC and reader, and actors that say OK at once: what the
 * listener alone costs. The argument is the number of subscriptions.
 */
const count = Number(process.argv[2] ?? 1000)
const mac = new CallbackMac(randomBytes(32))

const targetOf = (user: UserNumber): string => {
  const header = {
    mode: "sealed" as const,
    keyId: randomBytes(4),
    tenant: 1 as TenantNumber,
    generation: 1 as Generation
  }
  // As long as sealed credentials with a usual address and password are.
  const f = encodeHeader(header).toString("base64url") + randomBytes(150).toString("base64url")
  return `/MailNotificationService/api/ens/pushnotificationlistener?id=${user}&f=${f}&s=${mac.sign(user, header, f)}`
}

const unused = Effect.dieMessage("not part of this bench")
type Answer = (reply: "Ok") => void
const settings = Layer.effect(
  Settings,
  Effect.map(Config.load(), (defaults) => ({ ...defaults, host: "127.0.0.1", port: 0 }))
)
const seal = Layer.succeed(CallbackSeal, {
  verify: (id, f, s) => mac.verify(id, f, s),
  makeUrl: () => unused,
  isFor: () => unused,
  open: () => unused
})
const actors = Layer.succeed(Subscriptions, {
  ask: () => unused,
  tell: () => unused,
  count: Effect.succeed(0),
  loaded: () => true,
  post: (_user, _request, reply) => queueMicrotask(() => (reply as Answer)("Ok"))
})
const tokens = Layer.succeed(ApiTokens, { tenantOf: () => unused, knows: () => false, refresh: unused })
const nothingElse = Effect.succeed(HttpServerResponse.empty({ status: 404 }))

Effect.gen(function* () {
  const { port } = yield* PublicListener.PublicListener
  const users = Array.from({ length: count }, (_, index) => String(index + 1) as UserNumber)
  serveBench(port, users.map(targetOf))
  yield* Effect.never
}).pipe(
  Effect.provide(
    PublicListener.layer(nothingElse).pipe(
      Layer.provide(CallbackListener.layer),
      Layer.provide([
        Intake.layer,
        Layer.provide(Limits.layer, settings),
        Ownership.layerAll,
        seal,
        actors,
        tokens,
        settings
      ])
    )
  ),
  NodeRuntime.runMain
)
