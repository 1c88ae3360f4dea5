import { Metric } from "effect"
import type { Refusal } from "./Behaviour.ts"
import { Status } from "./Cell.ts"

/** Labels are constants: an id in one would stay in the registry for ever. */

const actorsGauge = Metric.gauge("ens_actors", { description: "Actors by what they are doing" })

/** Actors by `Status`. */
export const actors: Readonly<Record<Exclude<Status, typeof Status.Stopped>, Metric.Metric.Gauge<number>>> = {
  [Status.Loading]: Metric.tagged(actorsGauge, "status", "loading"),
  [Status.Running]: Metric.tagged(actorsGauge, "status", "running"),
  [Status.Waiting]: Metric.tagged(actorsGauge, "status", "waiting"),
  [Status.Held]: Metric.tagged(actorsGauge, "status", "held"),
  [Status.Parked]: Metric.tagged(actorsGauge, "status", "parked")
}

const counter = (name: string, description: string) =>
  Metric.counter(name, { description, incremental: true })

export const crashes = counter("ens_actor_crashes_total", "Actors that crashed")

export const restarts = counter("ens_actor_restarts_total", "Restarts after a crash")

export const parkings = counter("ens_actor_parked_total", "Actors that crashed too often and were set aside")

/** A hook that must not throw did; nothing more can be done about that message. */
export const brokenHooks = counter("ens_actor_broken_hooks_total", "Defects in hooks that settle messages")

const refusalsCounter = counter("ens_actor_refused_total", "Accepted messages that were not handled")

export const refusals: Readonly<Record<Refusal, Metric.Metric.Counter<number>>> = {
  parked: Metric.tagged(refusalsCounter, "reason", "parked"),
  draining: Metric.tagged(refusalsCounter, "reason", "draining"),
  crashed: Metric.tagged(refusalsCounter, "reason", "crashed")
}

/** 1 while restarts are held because too many actors crashed at once. */
export const circuitOpen = Metric.gauge("ens_actor_circuit_open", {
  description: "1 while restarts are held: too many actors crashed at once"
})

/** Counts one, outside of a fiber. */
export const countOne = (metric: Metric.Metric.Counter<number>): void => metric.unsafeUpdate(1, [])

/** Sets a gauge, outside of a fiber. */
export const setGauge = (metric: Metric.Metric.Gauge<number>, value: number): void =>
  metric.unsafeUpdate(value, [])
