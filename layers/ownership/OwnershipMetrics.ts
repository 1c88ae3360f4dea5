import { Metric } from "effect"
import type { Role } from "./Ownership.ts"

const roles = Metric.gauge("ens_ownership_role", {
  description: "What this node is: 1 for its role (active, cut off, standby), 0 for the others."
})

const ROLES: ReadonlyArray<readonly [Role, Metric.Metric.Gauge<number>]> = (
  ["active", "cut off", "standby"] as const
).map((role) => [role, Metric.tagged(roles, "role", role)])

export const setRole = (current: Role): void => {
  for (const [role, gauge] of ROLES) gauge.unsafeUpdate(role === current ? 1 : 0, [])
}

/** Number of this node's tenure, 0 = none. */
export const epochGauge = Metric.gauge("ens_ownership_epoch", {
  description:
    "Number of this node's tenure, 0 while it has none. The highest of all nodes is the current one."
})

export const takeovers = Metric.counter("ens_ownership_takeovers_total", {
  description: "How often this node became the active one.",
  incremental: true
})
