import { Effect, Scope } from "effect"
import * as PushStage from "../../layers/push/PushStage.ts"
import type { PushNotification, Verdict } from "../../schemas/Push.ts"
import { bareSend } from "./BarePush.ts"
import { ensGateway } from "./EnsPush.ts"
import { nodeApnSend } from "./NodeApn.ts"
import {
  notificationOf,
  type PushServerReady,
  type PushService,
  type PushWay,
  type Sends,
  servePushLoad
} from "./PushLoad.ts"

/** Sends notifications. The arguments: the service, the way to it, and where it is. */
const [service, way, ready] = process.argv.slice(2) as [PushService, PushWay, string]
const server = JSON.parse(ready) as PushServerReady

/** How long a callback gives the stage. */
const DEADLINE = 10_000

let n = 0

const alone = async (): Promise<Sends> => {
  const send = await (way === "library" ? nodeApnSend(server) : bareSend(service, server))
  return async (end) => {
    let sent = 0
    for (; performance.now() < end; sent++) await send(notificationOf(n++))
    return sent
  }
}

const ours = async (): Promise<Sends> => {
  const making = await ensGateway(service, server)
  const scope = await Effect.runPromise(Scope.make())
  const sending = Effect.gen(function* () {
    const gateway = yield* making
    if (way === "gateway")
      return (one: PushNotification) => Effect.map(gateway.send([one]), ([verdict]) => verdict)
    const push = yield* PushStage.make({ ios: gateway, android: gateway })
    return (one: PushNotification) => push.send(one, Date.now() + DEADLINE)
  })
  const send = await Effect.runPromise(Scope.extend(sending, scope))
  const one = Effect.suspend(() => Effect.flatMap(send(notificationOf(n++)), mustBeDelivered))
  return (end) =>
    Effect.runPromise(
      Effect.gen(function* () {
        let sent = 0
        for (; performance.now() < end; sent++) yield* one
        return sent
      })
    )
}

const mustBeDelivered = (verdict: Verdict | undefined) =>
  verdict?._tag === "Delivered" ? Effect.void : Effect.dieMessage(JSON.stringify(verdict))

servePushLoad(way === "bare" || way === "library" ? await alone() : await ours())
