import { Effect } from "effect"
import type { PushStandIn } from "../../../src/sandbox/PushControl.ts"
import type { Fault } from "../Fault.ts"
import type { World } from "../World.ts"

/** What a gateway took just before its connections were cut, ENS has to send again. */
const away = ({ journal }: World, gateways: ReadonlyArray<PushStandIn>, milliseconds: number) =>
  Effect.acquireUseRelease(
    Effect.zipRight(
      Effect.forEach(gateways, ({ down }) => down, { discard: true }),
      Effect.sync(() => journal.interrupted("a gateway's connections were cut"))
    ),
    () => Effect.sleep(milliseconds),
    () =>
      Effect.forEach(gateways, ({ up }) => Effect.eventually(Effect.tapError(up, () => Effect.sleep(100))), {
        discard: true
      })
  )

export const gatewayDown: Fault = {
  name: "one gateway down",
  survives: true,
  run: (world, random) => {
    const { Android, iOS } = world.gateways
    return away(world, [random.pick([iOS, Android])], world.minutes(random.between(1, 6)))
  }
}

export const gatewaysDown: Fault = {
  name: "all gateways down",
  survives: true,
  run: (world, random) => {
    const { Android, iOS } = world.gateways
    return away(world, [iOS, Android], world.minutes(random.between(1, 5)))
  }
}

export const longGatewaysDown: Fault = {
  name: "all gateways down for 12 min",
  survives: true,
  most: 2,
  run: (world) => {
    const { Android, iOS } = world.gateways
    return away(world, [iOS, Android], world.minutes(12))
  }
}

export const gatewayBusy: Fault = {
  name: "a gateway answers 503",
  survives: true,
  run: ({ gateways, minutes }, random) => {
    const gateway = random.pick([gateways.iOS, gateways.Android])
    return Effect.acquireUseRelease(
      gateway.addFault({ kind: "status", status: 503 }),
      () => Effect.sleep(minutes(random.between(1, 5))),
      () => gateway.clearFaults
    )
  }
}
