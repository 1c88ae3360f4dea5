import { Effect, Layer, Metric, Schedule } from "effect"
import * as EventLoopWatch from "../../layers/telemetry/EventLoopWatch.ts"
import { reportTrouble, settleTrouble } from "../../layers/telemetry/Troubles.ts"
import { Intake } from "./Intake.ts"
import { HIGH, loadAfter, NO_LOAD, type Pressure, pressureOf } from "./Overload.ts"

/** Puts the intake under pressure while the event loop is late, and tells of it, at most one line in a second. */
export const layer: Layer.Layer<never, never, Intake> = Layer.scopedDiscard(
  Effect.gen(function* () {
    const intake = yield* Intake
    let load = NO_LOAD
    let latest = 0
    /** The highest since the last report, so that a short one is told of, too. */
    let highest: Pressure = "none"
    let told: Pressure = "none"

    yield* EventLoopWatch.make((lateness) => {
      load = loadAfter(load, lateness)
      const pressure = pressureOf(load)
      if (pressure !== "none" && lateness.late >= HIGH.above) latest = lateness.late
      if (RANK[pressure] > RANK[highest]) highest = pressure
      intake.press(pressure)
    })
    const report = Effect.suspend(() => {
      const before = told
      told = highest
      highest = intake.pressure()
      const gauge = Metric.set(pressureGauge, RANK[told])
      if (told === before) return gauge
      const line =
        told === "none"
          ? Effect.zipRight(
              settleTrouble("overload", "ENS"),
              Effect.logInfo("ENS keeps up again; everything is taken")
            )
          : overloaded(`ENS is overloaded: the event loop is ${Math.round(latest)} ms late. ${REFUSED[told]}`)
      return Effect.zipRight(gauge, line)
    })
    yield* Effect.forkScoped(Effect.schedule(report, Schedule.spaced("1 second")))
  })
)

const overloaded = (what: string): Effect.Effect<void> =>
  Effect.zipRight(
    reportTrouble({ fault: "overload", where: "ENS", what, told: true }),
    Effect.annotateLogs(Effect.logWarning(what), "fault", "overload")
  )

const RANK = { none: 0, high: 1, extreme: 2 } as const satisfies Record<Pressure, number>

const REFUSED = {
  high: "Mails and requests of devices are answered 503, heartbeats are served",
  extreme: "All callbacks and requests of devices are answered 503"
}

const pressureGauge = Metric.gauge("ens_pressure", {
  description:
    "What is refused to keep the event loop free: 0 nothing, 1 mails and requests of devices, 2 all callbacks."
})
