import { type Clock, Effect, Exit, FiberRef, HashMap, Layer, Option } from "effect"
import type { StorageError } from "../../schemas/StorageError.ts"
import { type DoneSpan, Spans } from "../telemetry/Spans.ts"
import { Storage } from "./Storage.ts"
import { OperationMetrics } from "./StorageMetrics.ts"
import { StorageWatch } from "./StorageWatch.ts"

type StorageShape = typeof Storage.Service

/** Whoever asks whether storage is well gets an answer that is at most so old (ms): the question costs a write. */
const PING_KEPT = 1_000

/**
 * Any storage, with what it takes and how often it fails as metrics, by operation. Its `ping` may be asked as often as
 * somebody likes. When an operation fails it is asked by itself, and so it is reported when storage is away, and until when.
 */
export const layer = <E, R>(inner: Layer.Layer<Storage, E, R>): Layer.Layer<Storage, E, R> =>
  Layer.provide(
    Layer.scoped(
      Storage,
      Effect.gen(function* () {
        const storage = yield* Storage
        const clock = yield* Effect.clock
        const time = () => Number(clock.unsafeCurrentTimeNanos() / 1000n) / 1_000_000
        const watch = yield* StorageWatch.make(time)
        const measured = measure(storage, time, watch, spansOf(clock, (yield* Spans).record))
        const ping = kept(Effect.onExit(measured.ping, watch.pinged), time)
        watch.ping = ping
        return { ...measured, ping }
      })
    ),
    inner
  )

/** Every member of the service but its location is an effect, or makes one; more need not be known here. */
const measure = (
  storage: StorageShape,
  time: () => number,
  watch: StorageWatch,
  spans: ((operation: string) => Span) | undefined
): StorageShape => {
  const members = Object.entries(storage).map(([name, member]) => {
    if (typeof member === "string") return [name, member]
    const timed = timing(new OperationMetrics(name), time, name === "ping" ? undefined : watch, spans?.(name))
    if (typeof member !== "function") return [name, timed(() => member as AnyEffect)]
    const method = member as (...parameters: ReadonlyArray<unknown>) => AnyEffect
    return [name, (...parameters: ReadonlyArray<unknown>) => timed(() => method(...parameters))]
  })
  return Object.fromEntries(members) as StorageShape
}

type AnyEffect = Effect.Effect<unknown, StorageError>

/** Who was interrupted did not wait for the end, and its time says nothing. */
const timing =
  (metrics: OperationMetrics, time: () => number, watch: StorageWatch | undefined, span: Span | undefined) =>
  (work: () => AnyEffect): AnyEffect =>
    Effect.suspend(() => {
      const began = time()
      const traced = span === undefined ? work() : span(work())
      return Effect.onExit(traced, (exit) => {
        if (!Exit.isInterrupted(exit)) metrics.took(time() - began)
        if (Exit.isSuccess(exit)) return watch?.isAway === true ? watch.look : Effect.void
        if (Exit.isInterrupted(exit)) return Effect.void
        metrics.failed()
        return watch === undefined ? Effect.void : watch.look
      })
    })

type Span = (work: AnyEffect) => AnyEffect

/** What belongs to no activity is told by the metrics alone. */
const spansOf = (clock: Clock.Clock, record: ((span: DoneSpan) => void) | undefined) =>
  record === undefined
    ? undefined
    : (operation: string): Span =>
        (work) =>
          Effect.withFiberRuntime((fiber) => {
            const activityId = Option.getOrUndefined(
              HashMap.get(fiber.getFiberRef(FiberRef.currentLogAnnotations), "activityId")
            )
            if (typeof activityId !== "string") return work
            const began = clock.unsafeCurrentTimeMillis()
            return Effect.onExit(work, (exit) =>
              Effect.sync(() =>
                record({
                  name: `storage ${operation}`,
                  kind: "client",
                  activityId,
                  began,
                  ended: clock.unsafeCurrentTimeMillis(),
                  failure: Exit.isSuccess(exit) ? undefined : "failed",
                  attributes: { "db.operation.name": operation }
                })
              )
            )
          })

const kept = (ping: StorageShape["ping"], time: () => number): StorageShape["ping"] => {
  let last: { readonly at: number; readonly exit: Exit.Exit<void, StorageError> } | undefined
  return Effect.suspend(() =>
    last !== undefined && (time() - last.at) * 1000 < PING_KEPT
      ? last.exit
      : Effect.onExit(ping, (exit) => {
          if (!Exit.isInterrupted(exit)) last = { at: time(), exit }
          return Effect.void
        })
  )
}
