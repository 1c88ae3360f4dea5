import { Clock, Context, Effect, Layer, Metric, Schedule } from "effect"
import { now } from "../../actors/Now.ts"
import { Subscriptions } from "../../actors/Subscriptions.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import type { Overview, Series } from "../../schemas/ConsoleApi.ts"
import { type Bucket, MetricSums, quantileBetween } from "./MetricSums.ts"
import { type Point, SeriesRing } from "./SeriesRing.ts"

/** Seconds between two looks at the metrics, and how many points are kept: an hour. */
export const STEP = 10
const POINTS = 360
/** The event loop's figures are of the last minute. */
const LOOP_LOOKS = 6

/** What the last hour was like, for the console. */
export class Sampler extends Context.Tag("ens/Sampler")<
  Sampler,
  {
    readonly series: Effect.Effect<Series>
    /** A second, between the last two looks. */
    readonly rates: Effect.Effect<Overview["rates"]>
    readonly eventLoop: Effect.Effect<Overview["eventLoop"]>
  }
>() {}

/** Looks at the metrics every ten seconds, in one fiber. Nothing is counted anywhere for it. */
export const layer: Layer.Layer<Sampler, never, Storage | Subscriptions> = Layer.scoped(
  Sampler,
  Effect.gen(function* () {
    const storage = yield* Storage
    const subscriptions = yield* Subscriptions
    const ring = new SeriesRing(STEP, POINTS)
    const loops: Array<ReadonlyArray<Bucket>> = []
    let before = yield* look
    let rates: Overview["rates"] = { callbacks: 0, mails: 0, registrations: 0, pushes: 0 }

    const sample = Effect.gen(function* () {
      const after = yield* look
      const outbox = yield* storage.outboxSize.pipe(
        Effect.timeout("3 seconds"),
        Effect.orElseSucceed(() => undefined)
      )
      const at = yield* Clock.currentTimeMillis
      const rate = (name: Counted) => grown(before.counts[name], after.counts[name]) / seconds(before, after)
      rates = {
        callbacks: rate("callbacks"),
        mails: rate("mails"),
        registrations: rate("registrations"),
        pushes: rate("pushes")
      }
      const point: Point = {
        callbacks: rates.callbacks,
        mails: rates.mails,
        pushes: rates.pushes,
        pushFailures: rate("pushFailures"),
        ewsMedianMilliseconds: milliseconds(quantileBetween(before.ews, after.ews, 0.5)),
        ewsErrors: rate("ewsErrors"),
        eventLoopMilliseconds: milliseconds(quantileBetween(before.loop, after.loop, 0.99)),
        outboxOldest:
          outbox === undefined ? null : outbox.oldest === null ? 0 : Math.max(0, (at - outbox.oldest) / 1000),
        subscriptions: yield* subscriptions.count
      }
      ring.add(at, point)
      loops.push(before.loop)
      if (loops.length > LOOP_LOOKS) loops.shift()
      before = after
    })
    yield* sample.pipe(
      Effect.catchAllDefect(() => Effect.logError("the console's figures could not be read")),
      Effect.delay(`${STEP} seconds`),
      Effect.repeat(Schedule.forever),
      Effect.forkScoped
    )

    return {
      series: Effect.sync(() => ring.series),
      rates: Effect.sync(() => rates),
      eventLoop: Effect.map(Metric.snapshot, (pairs) => {
        const sums = new MetricSums(pairs)
        const since = loops[0] ?? before.loop
        return {
          p99Milliseconds: milliseconds(quantileBetween(since, sums.buckets(LOOP), 0.99)) ?? 0,
          longestMilliseconds: milliseconds(sums.sum("ens_event_loop_delay_longest_seconds")) ?? 0
        }
      })
    }
  })
)

const LOOP = "ens_event_loop_delay_seconds"

type Counted = "callbacks" | "mails" | "registrations" | "pushes" | "pushFailures" | "ewsErrors"

interface Look {
  /** Milliseconds of a clock that is never set. */
  readonly at: number
  readonly counts: Readonly<Record<Counted, number>>
  readonly ews: ReadonlyArray<Bucket>
  readonly loop: ReadonlyArray<Bucket>
}

const look: Effect.Effect<Look> = Effect.zipWith(Metric.snapshot, now, (pairs, at) => {
  const sums = new MetricSums(pairs)
  const ews = sums.histogramCount("ens_ews_call_seconds")
  return {
    at,
    counts: {
      callbacks: sums.sum("ens_callbacks_total"),
      mails: sums.sum("ens_mails_total"),
      registrations: sums.sum("ens_device_requests_total", { endpoint: "registerdevicev2" }),
      pushes: sums.sum("ens_push_notifications_total"),
      pushFailures: sums.sum("ens_push_failures_total"),
      ewsErrors: ews - sums.histogramCount("ens_ews_call_seconds", { outcome: "ok" })
    },
    ews: sums.buckets("ens_ews_call_seconds"),
    loop: sums.buckets(LOOP)
  }
})

/** A counter that is lower than before began anew. */
const grown = (before: number, after: number): number => (after < before ? after : after - before)

const seconds = (before: Look, after: Look): number => Math.max(1, (after.at - before.at) / 1000)

const milliseconds = (seconds: number | null): number | null =>
  seconds === null ? null : Math.round(seconds * 10_000) / 10
