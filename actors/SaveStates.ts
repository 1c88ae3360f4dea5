import { Effect } from "effect"
import type { Storage } from "../layers/storage/Storage.ts"
import type { Generation } from "../schemas/Ids.ts"
import { toHot } from "./SubscriptionState.ts"
import type { Snapshot } from "./Unwritten.ts"
import { whereabouts } from "./Whereabouts.ts"

/** Why storage did not take something. `transient`: it may do so later. */
export interface Trouble {
  readonly reason: string
  readonly transient: boolean
}

export interface Saved {
  readonly saved: ReadonlyArray<Snapshot>
  /** Storage took others, but never these. */
  readonly refused: ReadonlyArray<Snapshot>
  /** Why something is neither saved nor refused: storage is in trouble. */
  readonly trouble: Trouble | undefined
}

/** Longer than any storage waits by itself (ms): it hangs. */
const ANSWERS_WITHIN = 30_000

/**
 * Stores what is known of many users. One whom storage refuses (a bug of ours) does not hold up the others: it is found
 * by halving. Never fails.
 */
export const saveStates = (storage: Storage["Type"], batch: ReadonlyArray<Snapshot>): Effect.Effect<Saved> =>
  Effect.map(halving(storage, batch), ({ failed, trouble }) => {
    if (trouble === undefined || trouble.transient || failed.length === batch.length)
      return { saved: without(batch, failed), refused: [], trouble }
    return { saved: without(batch, failed), refused: failed, trouble: undefined }
  })

interface Halved {
  readonly failed: ReadonlyArray<Snapshot>
  readonly trouble: Trouble | undefined
}

const halving = (storage: Storage["Type"], batch: ReadonlyArray<Snapshot>): Effect.Effect<Halved> =>
  Effect.flatMap(save(storage, batch), (trouble): Effect.Effect<Halved> => {
    if (trouble === undefined) return Effect.succeed({ failed: [], trouble })
    if (trouble.transient || batch.length === 1) return Effect.succeed({ failed: batch, trouble })
    const middle = batch.length >> 1
    return Effect.zipWith(
      halving(storage, batch.slice(0, middle)),
      halving(storage, batch.slice(middle)),
      (one, other) => ({
        failed: [...one.failed, ...other.failed],
        trouble: one.trouble?.transient ? one.trouble : (other.trouble ?? one.trouble)
      })
    )
  })

const save = (storage: Storage["Type"], batch: ReadonlyArray<Snapshot>): Effect.Effect<Trouble | undefined> =>
  // Asked for at once, so that they share a commit.
  Effect.suspend(() =>
    Effect.zip(saveHot(storage, batch), saveLinks(storage, batch), { concurrent: true })
  ).pipe(
    Effect.timeoutFail({ duration: ANSWERS_WITHIN, onTimeout: () => HANGS }),
    Effect.as(undefined),
    Effect.catchAll((error) =>
      Effect.succeed({ reason: reasonOf(error.message, error.cause), transient: error.transient })
    ),
    Effect.catchAllDefect((defect) => Effect.succeed({ reason: whereabouts(defect), transient: false }))
  )

const HANGS = { message: "storage does not answer", transient: true, cause: undefined }

/** What the database says itself is what an administrator can do something about. */
const reasonOf = (message: string, cause: unknown): string =>
  cause instanceof Error ? `${message}: ${cause.message}` : message

const saveHot = (storage: Storage["Type"], batch: ReadonlyArray<Snapshot>) => {
  const rows = batch.flatMap(({ hot, state, watermark }) =>
    hot
      ? {
          user: state.user,
          generation: state.generation as Generation,
          hot: toHot(state, watermark ?? null)
        }
      : []
  )
  return rows.length === 0 ? Effect.void : storage.saveHot(rows)
}

const saveLinks = (storage: Storage["Type"], batch: ReadonlyArray<Snapshot>) => {
  const rows = batch.flatMap(({ link, state }) =>
    link && state.link !== "None"
      ? {
          user: state.user,
          generation: state.generation as Generation,
          link: state.link,
          linkSince: state.linkSince,
          nudges: state.nudges
        }
      : []
  )
  return rows.length === 0 ? Effect.void : storage.saveLinks(rows)
}

const without = (batch: ReadonlyArray<Snapshot>, failed: ReadonlyArray<Snapshot>) => {
  if (failed.length === 0) return batch
  const some = new Set(failed)
  return batch.filter((one) => !some.has(one))
}
