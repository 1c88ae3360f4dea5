import { Effect } from "effect"
import { Storage, type Subscription } from "../layers/storage/Storage.ts"
import type { UserNumber } from "../schemas/Ids.ts"
import { nextTurn } from "./NextTurn.ts"
import { nowOf } from "./Now.ts"

/** The embedded database is read on this thread: a page and its actors take some milliseconds, then I/O is served. */
const PAGE = 250
/** The page is read again after this pause when storage fails. */
const READ_AGAIN_AFTER = "2 seconds"

/** Reads all subscriptions once and gives each to `start`, with the time (ms since 1970). Waits for storage as long as it takes. */
export const loadAll = (
  start: (row: Subscription, now: number) => void
): Effect.Effect<void, never, Storage> =>
  Effect.gen(function* () {
    const storage = yield* Storage
    const clock = yield* Effect.clock
    let after: UserNumber | undefined
    const page = Effect.suspend(() => storage.subscriptions(after, PAGE)).pipe(
      Effect.tapError((error) =>
        Effect.zipRight(
          Effect.logError("subscriptions cannot be loaded; trying again", { reason: error.message }),
          Effect.sleep(READ_AGAIN_AFTER)
        )
      ),
      Effect.eventually
    )
    for (;;) {
      const { next, rows } = yield* page
      const now = nowOf(clock)
      for (const row of rows) start(row, now)
      if (next === undefined) return
      after = next
      yield* nextTurn
    }
  })
