import { Clock, Effect, Metric, Option } from "effect"
import { HostFigures } from "../../layers/ews/HostFigures.ts"
import { type GatewayHealth, Push } from "../../layers/push/Push.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { LogLevels } from "../../layers/telemetry/LogLevels.ts"
import type { Trouble } from "../../layers/telemetry/Troubles.ts"
import type { Overview } from "../../schemas/ConsoleApi.ts"
import { faultOf } from "../../schemas/Fault.ts"
import { LinkState } from "../../schemas/LinkState.ts"
import { readiness } from "../http/Readiness.ts"
import { troublesNow } from "../http/TroublesNow.ts"
import { host, instanceId, version } from "../Instance.ts"
import { MetricSums } from "./MetricSums.ts"
import { Sampler } from "./Sampler.ts"

/** Exchange hosts that are shown. */
const HOSTS_SHOWN = 50

/** All that the console's first page shows of now. Never fails: what storage cannot say is null. */
export const overviewReport = Effect.gen(function* () {
  const at = yield* Clock.currentTimeMillis
  const { ready, role, storage: reach } = yield* readiness
  const storage = yield* Storage
  const sampler = yield* Sampler
  const sums = new MetricSums(yield* Metric.snapshot)
  const gateways = yield* Effect.flatMap(Push, ({ health }) => health)
  const hosts = yield* Effect.flatMap(HostFigures, ({ current }) => current)
  const troubles = yield* troublesNow({ storage: reach })
  const outbox = reach === "reachable" ? yield* orNull(storage.outboxSize) : null
  const poolKeys = reach === "reachable" ? yield* orNull(storage.countPoolKeys) : null
  const states = sums.by("ens_subscriptions", "state")
  return {
    at,
    version,
    instanceId,
    host,
    uptime: Math.round(process.uptime()),
    ready,
    role,
    database: storage.location,
    storage: reach,
    logLevel: (yield* Effect.flatMap(LogLevels, ({ current }) => current)).level,
    subscriptions: Object.fromEntries(LinkState.literals.map((state) => [state, states.get(state) ?? 0])),
    rates: yield* sampler.rates,
    gateways: gateways.map((health) => gatewayView(health, sums)),
    hosts: hosts.slice(0, HOSTS_SHOWN).map((one) => ({
      host: one.host,
      up: one.up && !isUnreachable(one.host, troubles),
      calls: one.calls,
      errors: one.errors,
      medianMilliseconds: one.median ?? null,
      p95Milliseconds: one.p95 ?? null,
      lastError: one.lastError ?? null,
      lastErrorAt: one.lastErrorAt ?? null
    })),
    outbox,
    poolKeys,
    eventLoop: yield* sampler.eventLoop,
    residentBytes: process.memoryUsage.rss(),
    troubles: troubles.map(troubleView)
  } satisfies Overview
})

const orNull = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A | null, never, R> =>
  effect.pipe(Effect.timeout("3 seconds"), Effect.option, Effect.map(Option.getOrNull))

const gatewayView = (health: GatewayHealth, sums: MetricSums): Overview["gateways"][number] => {
  const counts = sums.by("ens_push_notifications_total", "verdict", { gateway: health.gateway })
  return {
    gateway: health.gateway,
    up: health.up,
    stalled: health.stalledSince !== undefined,
    waiting: health.waiting,
    oldestWaiting: health.oldestWaiting ?? null,
    lastError: health.lastError ?? null,
    lastErrorAt: health.lastErrorAt ?? null,
    verdicts: Object.fromEntries(VERDICTS.map((verdict) => [nameOf(verdict), counts.get(verdict) ?? 0]))
  }
}

const VERDICTS = ["Delivered", "TokenDead", "RetryLater", "Rejected", "GatewayDown"] as const

const nameOf = (verdict: string) => verdict.charAt(0).toLowerCase() + verdict.slice(1)

const isUnreachable = (host: string, troubles: ReadonlyArray<Trouble>): boolean =>
  troubles.some(({ fault, where }) => fault === "exchange-unreachable" && where === host)

const troubleView = (trouble: Trouble): Overview["troubles"][number] => ({
  ...trouble,
  ...faultOf(trouble.fault)
})
