import { Context, Effect, Layer, Schedule } from "effect"
import { Storage } from "../layers/storage/Storage.ts"
import type { Generation, UserNumber, Watermark } from "../schemas/Ids.ts"
import { type State, toHot } from "./SubscriptionState.ts"
import { whereabouts } from "./Whereabouts.ts"

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
    /** Writes what waits; true if nothing is left. */
    readonly flush: Effect.Effect<boolean>
    readonly waiting: () => number
  }
>() {}

const EVERY = "1 second"
/** Heartbeats are written with every such round. */
const LAZY_ROUNDS = 10
const BATCH = 1_000

interface Pending {
  state: State
  hot: boolean
  watermark: Watermark | undefined
  link: boolean
}

export const layer: Layer.Layer<WriteBehind, never, Storage> = Layer.scoped(
  WriteBehind,
  Effect.gen(function* () {
    const storage = yield* Storage
    const pending = new Map<UserNumber, Pending>()
    /** Those of the pending that are written with the next round. */
    const soon = new Set<UserNumber>()
    const lock = yield* Effect.makeSemaphore(1)

    const entryOf = (state: State): Pending => {
      const known = pending.get(state.user)
      if (known !== undefined) {
        known.state = state
        return known
      }
      const entry = { state, hot: false, watermark: undefined, link: false }
      pending.set(state.user, entry)
      return entry
    }

    const take = (users: Iterable<UserNumber>): ReadonlyArray<Pending> => {
      const batch: Array<Pending> = []
      for (const user of users) {
        if (batch.length >= BATCH) break
        const entry = pending.get(user)
        pending.delete(user)
        soon.delete(user)
        if (entry !== undefined) batch.push(entry)
      }
      return batch
    }

    /** What could not be written waits again, unless something newer does by now. */
    const putBack = (batch: ReadonlyArray<Pending>) => {
      for (const entry of batch) {
        soon.add(entry.state.user)
        const newer = pending.get(entry.state.user)
        if (newer === undefined) pending.set(entry.state.user, entry)
        else {
          newer.hot ||= entry.hot
          newer.link ||= entry.link
          newer.watermark ??= entry.watermark
        }
      }
    }

    const write = Effect.fnUntraced(function* (batch: ReadonlyArray<Pending>) {
      const hot = batch.filter((entry) => entry.hot)
      if (hot.length > 0) {
        yield* storage.saveHot(
          hot.map(({ state, watermark }) => ({
            user: state.user,
            generation: state.generation as Generation,
            hot: toHot(state, watermark ?? null)
          }))
        )
      }
      const links = batch.flatMap(({ state, link }) =>
        link && state.link !== "None"
          ? [{ user: state.user, link: state.link, linkSince: state.linkSince, nudges: state.nudges }]
          : []
      )
      if (links.length > 0) yield* storage.saveLinks(links)
    })

    const flushSome = (some: { readonly size: number; readonly keys: () => Iterable<UserNumber> }) =>
      Effect.gen(function* () {
        while (some.size > 0) {
          const batch = take(some.keys())
          const trouble = yield* Effect.uninterruptible(write(batch)).pipe(
            Effect.as(undefined),
            Effect.catchAll((error) => Effect.succeed(error.message)),
            Effect.catchAllDefect((defect) => Effect.succeed(whereabouts(defect)))
          )
          if (trouble !== undefined) {
            putBack(batch)
            yield* Effect.logWarning("storage is behind; it will be tried again", {
              reason: trouble,
              waiting: pending.size
            })
            return false
          }
        }
        return true
      }).pipe(lock.withPermits(1))
    const flush = flushSome(pending)

    yield* Effect.addFinalizer(() => flush)
    let round = 0
    yield* Effect.suspend(() => flushSome(++round % LAZY_ROUNDS === 0 ? pending : soon)).pipe(
      Effect.repeat(Schedule.spaced(EVERY)),
      Effect.delay(EVERY),
      Effect.forkScoped
    )
    return {
      note: (state, watermark, isSoon) => {
        const entry = entryOf(state)
        entry.hot = true
        entry.watermark = watermark ?? entry.watermark
        if (isSoon) soon.add(state.user)
      },
      noteLink: (state) => {
        entryOf(state).link = true
        soon.add(state.user)
      },
      forget: (user) => {
        pending.delete(user)
        soon.delete(user)
      },
      flush,
      waiting: () => pending.size
    }
  })
)
