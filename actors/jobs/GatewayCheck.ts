import { Effect, Either } from "effect"
import type { Device } from "../../layers/storage/Storage.ts"
import type { EwsError } from "../../schemas/EwsError.ts"
import type { DeviceNumber } from "../../schemas/Ids.ts"
import type { Compliance } from "../JobResults.ts"
import type { Blocked } from "../SubscriptionProtocol.ts"

export interface GatewayCheck<E, R> {
  readonly devices: ReadonlyArray<Device>
  /** `device`: the gateway is asked for each device by itself; `user`: for all of them together. */
  readonly check: "device" | "user"
  /** What it said when it was last asked. */
  readonly remembered: Blocked
  /**
   * Whether every device is to be asked for, also those that did not pass the last time. Read again after each answer: of
   * what is not there nobody is told, so that an invented item costs one call.
   */
  readonly isThorough: () => boolean
  /** Asks Exchange what is wanted, in the name of these devices. */
  readonly ask: (deviceIds: ReadonlyArray<string>) => Effect.Effect<void, E | EwsError, R>
  /** Finds out whether these devices pass as well. */
  readonly retry: (deviceIds: ReadonlyArray<string>) => Effect.Effect<void, E | EwsError, R>
  /** Called whenever more is known. */
  readonly learn: (compliance: Compliance) => void
}

/**
 * Asks through a Secure Email Gateway (contract section 3): the answer comes from the first device that passes, and of the
 * others it is learned whether they pass. One of which nothing can be learned stays what it was. Fails if none answered.
 */
export const askThroughGateway = Effect.fnUntraced(function* <E extends { readonly _tag: string }, R>(
  gateway: GatewayCheck<E, R>
) {
  const { devices, isThorough, learn } = gateway
  const blocked = new Set<DeviceNumber>(rememberedOf(gateway))
  const wasBlocked = (group: ReadonlyArray<Device>) => group.every(({ device }) => blocked.has(device))
  // Those that passed the last time come first: what was asked is there sooner.
  const groups = groupsOf(gateway).toSorted((a, b) => Number(wasBlocked(a)) - Number(wasBlocked(b)))
  let answered = false
  let trouble: E | EwsError | undefined
  for (const group of groups) {
    if (!isThorough() && (answered || wasBlocked(group))) continue
    const ids = [...new Set(group.flatMap(({ deviceId }) => deviceId ?? []))]
    const outcome: Either.Either<void, E | EwsError> = yield* Effect.either(
      answered ? gateway.retry(ids) : gateway.ask(ids)
    )
    if (Either.isLeft(outcome) && outcome.left._tag !== "EwsBlocked") {
      // A log-in that is refused once is refused for every device.
      if (outcome.left._tag === "EwsUnauthorized") return yield* Effect.fail(outcome.left)
      trouble = outcome.left
      continue
    }
    const passes: boolean = Either.isRight(outcome)
    answered ||= passes
    for (const { device } of group) {
      if (passes) blocked.delete(device)
      else blocked.add(device)
    }
    learn({ blocked: [...blocked], all: blocked.size === devices.length })
  }
  if (!answered && trouble !== undefined) return yield* Effect.fail(trouble)
})

const groupsOf = ({ check, devices }: Pick<GatewayCheck<never, never>, "check" | "devices">) =>
  check === "user" ? [devices] : [...Map.groupBy(devices, ({ deviceId }) => deviceId).values()]

const rememberedOf = ({ devices, remembered }: Pick<GatewayCheck<never, never>, "devices" | "remembered">) =>
  devices.map(({ device }) => device).filter((device) => remembered === "all" || remembered.includes(device))
