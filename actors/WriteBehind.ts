import { Context, type Duration, Effect, Fiber, Layer, Metric, Schedule } from "effect"
import { Ownership } from "../layers/ownership/Ownership.ts"
import { Storage } from "../layers/storage/Storage.ts"
import type { UserNumber, Watermark } from "../schemas/Ids.ts"
import { nowOf } from "./Now.ts"
import { saveStates, type Trouble } from "./SaveStates.ts"
import type { State } from "./SubscriptionState.ts"
import { Unwritten } from "./Unwritten.ts"
import * as Metrics from "./WriteBehindMetrics.ts"
import { PROBE, WritePace } from "./WritePace.ts"

/**
 * Hot state on its way to storage: coalesced by user, written in batches, kept while storage is down. At most one entry
 * per user, so the number of users bounds it. What a crash loses of it costs a duplicate with the same id, never a mail.
 */
export class WriteBehind extends Context.Tag("ens/WriteBehind")<
  WriteBehind,
  {
    /**
     * Ledger, unread count, badge, last heartbeat and, if the callback told one, the watermark. Not `soon`: a heartbeat's,
     * which nothing is lost of if it is some seconds old after a crash.
     */
    readonly note: (state: State, watermark: Watermark | undefined, soon: boolean) => void
    /** Link, its age and nudges. */
    readonly noteLink: (state: State) => void
    /** The user is gone. */
    readonly forget: (user: UserNumber) => void
    /** Writes what waits, for at most so long; answers of how many users something is not known to be on disk. */
    readonly flush: (within: Duration.DurationInput) => Effect.Effect<number>
    /** Writes what waits of this user; false if storage is behind, or has not taken it within so long. */
    readonly flushUser: (user: UserNumber, within: Duration.DurationInput) => Effect.Effect<boolean>
    /** Users of whom something is not known to be on disk. */
    readonly waiting: () => number
  }
>() {}

const EVERY = "1 second"
/** So often heartbeats are written, too (ms). */
const ALL_EVERY = 10_000
/** Users in one statement: making it keeps the event loop for one or two milliseconds. */
const CHUNK = 500
/** So long the end of the process waits for storage; its share of what stopping may take, see src/Stopping.ts. */
const LAST_FLUSH = "2 seconds"

/** Closing it writes what waits, unless another node is active by then: it knows better, and storage takes nothing any more. */
export const layer: Layer.Layer<WriteBehind, never, Storage | Ownership> = Layer.scoped(
  WriteBehind,
  Effect.gen(function* () {
    const storage = yield* Storage
    const ownership = yield* Ownership
    const clock = yield* Effect.clock
    const time = () => nowOf(clock)
    /** The time to the second, which a heartbeat need not ask for. */
    let second = time()
    const unwritten = new Unwritten()
    const pace = new WritePace()
    const lock = yield* Effect.makeSemaphore(1)
    const isLost = () => ownership.role() === "standby"
    let isBehind = false

    const writeChunk = Effect.fnUntraced(function* (users: ReadonlyArray<UserNumber>) {
      const { refused, saved, trouble } = yield* saveStates(storage, unwritten.read(users))
      unwritten.saved(saved, second)
      if (refused.length > 0) {
        // What they have become since then may be taken.
        unwritten.saved(refused, second)
        yield* Metric.incrementBy(Metrics.refused, refused.length)
        yield* Effect.logError("storage refuses the state of some users, which is given up", {
          users: refused.map(({ state }) => state.user).slice(0, 10)
        })
      }
      return trouble
    })

    /** Chunk after chunk is made, with other work in between; they are written together and share a commit. */
    const writeWave = Effect.fnUntraced(function* (users: ReadonlyArray<UserNumber>) {
      const writing: Array<Fiber.Fiber<Trouble | undefined>> = []
      for (let from = 0; from < users.length; from += CHUNK) {
        if (from > 0) yield* otherWork
        writing.push(yield* Effect.fork(writeChunk(users.slice(from, from + CHUNK))))
      }
      const troubles = yield* Fiber.join(Fiber.all(writing))
      return troubles.find((trouble) => trouble !== undefined)
    })

    const tell = (trouble: Trouble | undefined) => {
      if (isBehind === (trouble !== undefined)) return Effect.void
      isBehind = !isBehind
      const waiting = unwritten.size
      return trouble === undefined
        ? Effect.logInfo("storage takes the state of subscriptions again", { waiting })
        : Effect.annotateLogs(
            Effect.logWarning("storage is behind; it will be tried again", {
              reason: trouble.reason,
              waiting
            }),
            "fault",
            "storage-down"
          )
    }

    /** Those who wait now, wave after wave; stops when storage is in trouble. */
    const write = (which: "all" | "urgent", isHurried: boolean) =>
      Effect.gen(function* () {
        let left = unwritten.count(which)
        while (left > 0 && !isLost()) {
          const users = unwritten.first(Math.min(left, isBehind ? PROBE : pace.room), which)
          if (users.length === 0) return
          const began = time()
          const trouble = yield* writeWave(users)
          yield* tell(trouble)
          if (trouble !== undefined) return
          left -= users.length
          const rest = pace.wrote(users.length, time() - began)
          if (left > 0 && !isHurried) yield* Effect.sleep(rest)
        }
      }).pipe(lock.withPermits(1))

    /** Whoever gives up waiting leaves what is not written where it is. */
    const hurriedly = (which: "all" | "urgent", within: Duration.DurationInput) =>
      write(which, true).pipe(Effect.interruptible, Effect.timeoutOption(within))

    const flush = (within: Duration.DurationInput) =>
      Effect.map(hurriedly("all", within), () => unwritten.size)

    const flushUser = (user: UserNumber, within: Duration.DurationInput) =>
      Effect.suspend(() => {
        if (!unwritten.has(user)) return Effect.succeed(true)
        if (isBehind) return Effect.succeed(false)
        unwritten.hurry(user)
        return Effect.map(hurriedly("urgent", within), () => !unwritten.has(user))
      })

    yield* Effect.addFinalizer(() =>
      Effect.flatMap(isLost() ? Effect.succeed(0) : flush(LAST_FLUSH), (users) =>
        users === 0 || isLost()
          ? Effect.void
          : Effect.logWarning("the latest state of some users could not be written before the end", { users })
      )
    )
    let allAt = time()
    yield* Effect.suspend(() => {
      const isAll = time() - allAt >= ALL_EVERY
      if (isAll) allAt = time()
      return write(isAll ? "all" : "urgent", false)
    }).pipe(Effect.repeat(Schedule.spaced(EVERY)), Effect.delay(EVERY), Effect.forkScoped)
    // Apart, because writing may hang.
    yield* Effect.suspend(() => {
      second = time()
      const { oldest, size } = unwritten
      const age = oldest === undefined ? 0 : (second - oldest) / 1000
      return Effect.zipRight(Metric.set(Metrics.waiting, size), Metric.set(Metrics.oldest, age))
    }).pipe(Effect.repeat(Schedule.spaced(EVERY)), Effect.forkScoped)

    return {
      note: (state, watermark, isSoon) => {
        unwritten.note(state, watermark, second)
        if (isSoon) unwritten.hurry(state.user)
      },
      noteLink: (state) => {
        unwritten.noteLink(state, second)
        unwritten.hurry(state.user)
      },
      forget: (user) => unwritten.forget(user),
      flush,
      flushUser,
      waiting: () => unwritten.size
    }
  })
)

/** Effect's own yielding lets other fibers run, but no I/O. */
const otherWork = Effect.async<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})
