import { Effect, Layer } from "effect"
import type { Platform } from "../../schemas/Push.ts"
import type { Gateway } from "./Gateway.ts"
import * as GatewayStage from "./GatewayStage.ts"
import { Push } from "./Push.ts"

/** Which gateway serves which platform; one may serve both. */
export interface PlatformGateways {
  readonly ios: Gateway
  readonly android: Gateway
}

/**
 * The push stage: each gateway has its own queue, slots and circuit, so that one in trouble does not hold up the other
 * platform. It is the one place where a notification is tried again (`Retries`); whoever sends keeps what got no final
 * verdict. `waitingMax`: how many notifications may wait per gateway.
 */
export const make = Effect.fnUntraced(function* (gateways: PlatformGateways, waitingMax?: number) {
  const ios = yield* GatewayStage.make(gateways.ios, waitingMax)
  const android =
    gateways.android === gateways.ios ? ios : yield* GatewayStage.make(gateways.android, waitingMax)
  const stageOf = (platform: Platform) => (platform === "iOS" ? ios : android)
  return Push.of({
    send: (notification, until) => stageOf(notification.target.platform).send(notification, until),
    post: (notification, until, answered) =>
      stageOf(notification.target.platform).post(notification, until, answered),
    isUp: (platform) => stageOf(platform).accepts(),
    health: Effect.sync(() => [...new Set([ios, android])].map((stage) => stage.health()))
  })
})

/** `make` as a layer. */
export const layer = (gateways: PlatformGateways, waitingMax?: number): Layer.Layer<Push> =>
  Layer.scoped(Push, make(gateways, waitingMax))
