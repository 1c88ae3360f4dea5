import { Context, Effect, Layer, Metric } from "effect"
import { Settings, type SettingsShape } from "../../schemas/Settings.ts"
import { limitKeyOf, makeSourceOf, type SourceOf } from "./SourceAddress.ts"
import { TokenBuckets } from "./TokenBuckets.ts"

/** What can be limited; `ENS_LIMIT_…` has the rates. */
export type LimitName =
  | "address"
  | "failed"
  | "token"
  | "user"
  | "newUsers"
  | "registrations"
  | "connections"
  | "addressConnections"

/** What every way in shares: who asks, how much he may still ask, and a count of those who were refused for it. */
export interface LimitsShape {
  readonly sourceOf: SourceOf
  /** By source address: give `keyOf(sourceOf(request))`. */
  readonly address: TokenBuckets
  /** By source address: refused requests and forged callbacks, of the device API and of the callback endpoint together. */
  readonly failed: TokenBuckets
  /** By API token's hash. */
  readonly token: TokenBuckets
  /** By endpoint, tenant and user. */
  readonly user: TokenBuckets
  /** By tenant: users that were made and have not registered. */
  readonly newUsers: TokenBuckets
  readonly keyOf: (source: string) => string
  /** Counts one that was refused; plain code, at no cost worth speaking of. */
  readonly refused: (limit: LimitName) => void
}

const refusals = Metric.counter("ens_limited_total", {
  description: "Requests and connections that were refused because of a limit",
  incremental: true
})
const counter = (limit: string) => Metric.tagged(refusals, "limit", limit)
/** What `refused` counts. */
export const limitRefusals: Readonly<Record<LimitName, ReturnType<typeof counter>>> = {
  address: counter("address"),
  failed: counter("failed"),
  token: counter("token"),
  user: counter("user"),
  newUsers: counter("new_users"),
  registrations: counter("registrations"),
  connections: counter("connections"),
  addressConnections: counter("address_connections")
}

export class Limits extends Context.Tag("ens/Limits")<Limits, LimitsShape>() {}

export const make = ({
  limits,
  trustedProxies
}: Pick<SettingsShape, "limits" | "trustedProxies">): LimitsShape => ({
  sourceOf: makeSourceOf(trustedProxies),
  address: new TokenBuckets(limits.address),
  failed: new TokenBuckets(limits.failed),
  token: new TokenBuckets(limits.token),
  user: new TokenBuckets(limits.user),
  newUsers: new TokenBuckets(limits.newUsers),
  keyOf: limitKeyOf,
  refused: (limit) => limitRefusals[limit].unsafeUpdate(1, [])
})

export const layer: Layer.Layer<Limits, never, Settings> = Layer.effect(Limits, Effect.map(Settings, make))
