import { Effect, Layer, Metric, Schedule } from "effect"
import { Ownership } from "../layers/ownership/Ownership.ts"
import { Storage, type StoredHistory } from "../layers/storage/Storage.ts"
import { append, extend, type HistoryEvent, pack } from "../schemas/History.ts"
import { History } from "./History.ts"
import { type Bundle, HistoryBuffer } from "./HistoryBuffer.ts"
import { nextTurn } from "./NextTurn.ts"
import { nowOf } from "./Now.ts"
import { whereabouts } from "./Whereabouts.ts"

const EVERY = "5 seconds"
/** Users that are read and written together. */
const PAGE = 250
/** Histories that are packed without serving I/O in between: some milliseconds. */
const PACKED_AT_ONCE = 50
/**
 * Users with nothing but heartbeats that are written at a time, so that they cost the same however many users there are:
 * beyond some 90,000 not every heartbeat is noted.
 */
const BEATS_AT_ONCE = 500
/** So long the end of the process waits for storage; its share of what stopping may take, see src/Stopping.ts. */
const LAST_FLUSH = "1 second"

/**
 * Writes what is noted about users every few seconds, and when it closes, unless another node is active by then. While
 * storage is away a bounded number of events waits. What a crash loses are the events of the last seconds.
 */
export const layer: Layer.Layer<History, never, Storage | Ownership> = Layer.scoped(
  History,
  Effect.gen(function* () {
    const storage = yield* Storage
    const ownership = yield* Ownership
    const clock = yield* Effect.clock
    const buffer = new HistoryBuffer()
    const lock = yield* Effect.makeSemaphore(1)
    const isLost = () => ownership.role() === "standby"

    /** True if storage has taken it. What storage never takes is given up, and so is what nobody but us got wrong. */
    const writePage = (page: ReadonlyArray<Bundle>) =>
      save(storage, page).pipe(
        Effect.as(true),
        Effect.onInterrupt(() => Effect.sync(() => buffer.restore(page))),
        Effect.catchAll((error) => {
          if (error.transient) {
            buffer.restore(page)
            // The write-behind tells it.
            return Effect.as(
              Effect.logDebug("histories cannot be written yet", { reason: error.message }),
              false
            )
          }
          return giveUp(page, error.message)
        }),
        Effect.catchAllDefect((defect) => giveUp(page, whereabouts(defect)))
      )

    const write = (beats: number) =>
      Effect.gen(function* () {
        yield* pages("news", buffer.news)
        yield* pages("beats", beats)
      }).pipe(lock.withPermits(1))

    /** Those who wait now; stops when storage is in trouble. */
    const pages = Effect.fnUntraced(function* (which: "news" | "beats", count: number) {
      for (let left = count; left > 0 && !isLost(); left -= PAGE) {
        const page = buffer.take(which, Math.min(left, PAGE))
        if (page.length === 0 || !(yield* writePage(page))) return
        yield* nextTurn
      }
    })

    const measure = Effect.suspend(() =>
      Effect.zipRight(Metric.set(waiting, buffer.size), Metric.incrementBy(dropped, buffer.takeLost()))
    )

    yield* Effect.addFinalizer(() =>
      Effect.suspend(() =>
        isLost()
          ? Effect.void
          : write(buffer.size).pipe(Effect.interruptible, Effect.timeoutOption(LAST_FLUSH))
      ).pipe(
        Effect.zipRight(
          Effect.suspend(() =>
            buffer.size === 0 || isLost()
              ? Effect.void
              : Effect.logWarning("what happened last to some users could not be written before the end", {
                  users: buffer.size
                })
          )
        ),
        Effect.zipRight(Metric.set(waiting, 0))
      )
    )
    yield* Effect.suspend(() => write(BEATS_AT_ONCE)).pipe(
      Effect.repeat(Schedule.spaced(EVERY)),
      Effect.delay(EVERY),
      Effect.forkScoped
    )
    // Apart, because writing may hang.
    yield* measure.pipe(Effect.repeat(Schedule.spaced(EVERY)), Effect.forkScoped)

    return {
      note: (user, kind, detail, times = 1) => {
        const now = nowOf(clock)
        if (kind === "heartbeat") buffer.heartbeat(user, now)
        else buffer.note(user, kind, detail, times, now)
      }
    }
  })
)

const giveUp = (page: ReadonlyArray<Bundle>, reason: string) =>
  Effect.logError("storage refuses what happened to some users, which is given up", { reason }).pipe(
    Effect.zipRight(Metric.incrementBy(dropped, page.length)),
    Effect.as(true)
  )

/** Behind what is stored. Users that are gone are passed over by storage. */
const save = Effect.fnUntraced(function* (storage: Storage["Type"], page: ReadonlyArray<Bundle>) {
  const stored = yield* storage.histories(page.map(({ user }) => user))
  const known = new Map(stored.map((history) => [history.user, history]))
  const batch: Array<StoredHistory> = []
  for (const { events, user } of page) {
    if (batch.length > 0 && batch.length % PACKED_AT_ONCE === 0) yield* nextTurn
    const stored = known.get(user)
    // Not what is stored: a clock that was ahead would keep the history from being dropped until then.
    const lastAt = events.reduce((last, { at }) => Math.max(last, at), 0)
    batch.push({ user, lastAt, events: extended(stored, events) })
  }
  yield* storage.saveHistories(batch)
})

const extended = (stored: StoredHistory | undefined, events: ReadonlyArray<HistoryEvent>): Uint8Array =>
  stored === undefined ? pack(append([], events)) : extend(stored.events, stored.lastAt, events)

const dropped = Metric.counter("ens_history_dropped_total", {
  description: "Events in users' histories that were not kept, because storage was away or did not keep up",
  incremental: true
})

const waiting = Metric.gauge("ens_history_waiting", {
  description: "Users of whom events wait to be written into their history"
})
