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
    /** Ledger, unread count, badge, last heartbeat and, if the callback told one, the watermark. */
    readonly note: (state: State, watermark: Watermark | undefined) => void
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
    const lock = yield* Effect.makeSemaphore(1)

    const entryOf = (state: State): Pending => {
      const entry = pending.get(state.user) ?? { state, hot: false, watermark: undefined, link: false }
      entry.state = state
      pending.set(state.user, entry)
      return entry
    }

    const take = (): ReadonlyArray<Pending> => {
      const batch: Array<Pending> = []
      for (const [user, entry] of pending) {
        if (batch.length >= BATCH) break
        pending.delete(user)
        batch.push(entry)
      }
      return batch
    }

    /** What could not be written waits again, unless something newer does by now. */
    const putBack = (batch: ReadonlyArray<Pending>) => {
      for (const entry of batch) {
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

    const flush = lock.withPermits(1)(
      Effect.gen(function* () {
        while (pending.size > 0) {
          const batch = take()
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
      })
    )

    yield* Effect.addFinalizer(() => flush)
    yield* flush.pipe(Effect.repeat(Schedule.spaced(EVERY)), Effect.delay(EVERY), Effect.forkScoped)
    return {
      note: (state, watermark) => {
        const entry = entryOf(state)
        entry.hot = true
        entry.watermark = watermark ?? entry.watermark
      },
      noteLink: (state) => {
        entryOf(state).link = true
      },
      forget: (user) => {
        pending.delete(user)
      },
      flush,
      waiting: () => pending.size
    }
  })
)
