import { Effect } from "effect"
import { GATEWAY_FAULTS, gatewayFault } from "../../layers/push/GatewayFault.ts"
import { type GatewayHealth, Push } from "../../layers/push/Push.ts"
import { STORAGE } from "../../layers/telemetry/FaultOf.ts"
import { type Trouble, Troubles } from "../../layers/telemetry/Troubles.ts"
import { faultOf } from "../../schemas/Fault.ts"
import { iso } from "./AdminGateways.ts"
import type { Readiness } from "./Readiness.ts"

/** As the detailed readiness shows troubles: times as ISO 8601. */
export const troubleDetails = (
  state: Pick<Readiness, "storage">
): Effect.Effect<ReadonlyArray<object>, never, Push> =>
  Effect.map(troublesNow(state), (troubles) =>
    troubles.map(({ count, fault, last, since, what, where }) => ({
      fault,
      title: faultOf(fault).title,
      where,
      what,
      cure: faultOf(fault).cure,
      since: iso(since),
      last: iso(last),
      count
    }))
  )

/**
 * The troubles of now, the newest first. What is down at this moment is among them also if nothing has failed because of it
 * in the last hour.
 */
export const troublesNow = ({
  storage
}: Pick<Readiness, "storage">): Effect.Effect<ReadonlyArray<Trouble>, never, Push> =>
  Effect.gen(function* () {
    const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
    const reported = yield* (yield* Troubles).current
    const health = yield* (yield* Push).health
    const isReported = (faults: ReadonlyArray<string>, where: string) =>
      reported.some((trouble) => faults.includes(trouble.fault) && trouble.where === where)
    const away =
      storage === "reachable" || isReported(["storage-down"], STORAGE)
        ? []
        : [present("storage-down", STORAGE, "it does not answer", now, now)]
    const down = health
      .filter(({ gateway, up }) => !up && !isReported(GATEWAY_FAULTS, gateway))
      .map((gateway) => downOf(gateway, now))
    return [...away, ...down, ...reported]
  })

const downOf = ({ downSince, gateway, lastError = "it does not answer" }: GatewayHealth, now: number) =>
  present(gatewayFault(lastError), gateway, lastError, downSince ?? now, now)

const present = (
  fault: Trouble["fault"],
  where: string,
  what: string,
  since: number,
  last: number
): Trouble => ({ fault, where, what, since, last, count: 1 })
