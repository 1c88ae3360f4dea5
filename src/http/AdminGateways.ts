import { Clock, Effect, Metric } from "effect"
import { type GatewayHealth, Push } from "../../layers/push/Push.ts"
import * as PushMetrics from "../../layers/push/PushMetrics.ts"

/** The push gateways as detailed readiness shows them: times as ISO 8601, null where there is nothing to tell. */
export const gatewayDetails: Effect.Effect<ReadonlyArray<object>, never, Push> = Effect.map(
  Effect.flatMap(Push, (push) => push.health),
  (gateways) =>
    gateways.map((health) => ({
      gateway: health.gateway,
      up: health.up,
      stalled: health.stalledSince !== undefined,
      downSince: iso(health.downSince),
      stalledSince: iso(health.stalledSince),
      lastError: health.lastError ?? null,
      lastErrorAt: iso(health.lastErrorAt),
      underWay: health.underWay,
      waiting: health.waiting,
      oldestWaiting: iso(health.oldestWaiting),
      expires: health.expires.map(({ at, what }) => ({ what, at: iso(at) }))
    }))
)

/** Brings the gauges of the gateways up to date that only somebody who looks can set. */
export const measureGateways: Effect.Effect<void, never, Push> = Effect.gen(function* () {
  const now = yield* Clock.currentTimeMillis
  const gateways = yield* Effect.flatMap(Push, (push) => push.health)
  yield* Effect.forEach(gateways, (health) => measureOne(health, now), { discard: true })
})

const measureOne = ({ gateway, oldestWaiting, stalledSince }: GatewayHealth, now: number) =>
  Effect.zipRight(
    Metric.set(PushMetrics.stalled(gateway), stalledSince === undefined ? 0 : 1),
    Metric.set(PushMetrics.oldestWaiting(gateway), secondsSince(oldestWaiting, now))
  )

const secondsSince = (at: number | undefined, now: number) =>
  at === undefined ? 0 : Math.max(0, (now - at) / 1000)

/** A time as ISO 8601; null for none. */
export const iso = (at: number | undefined | null): string | null =>
  at === undefined || at === null ? null : new Date(at).toISOString()
