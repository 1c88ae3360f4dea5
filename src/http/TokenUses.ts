import { Duration, Effect, Exit, type Scope } from "effect"
import type { TokenUse } from "../../layers/storage/Storage.ts"
import type { StorageError } from "../../schemas/StorageError.ts"

/**
 * Remembers when tokens were shown last, and has it written by `write` every two minutes and at the end. What cannot be
 * written waits for the next time; nobody is kept waiting, neither at the end, and nothing fails: it is there so that somebody can see
 * which tokens are needed. `at`: milliseconds since 1970.
 */
export const makeTokenUses = (
  write: (uses: ReadonlyArray<TokenUse>) => Effect.Effect<void, StorageError>
): Effect.Effect<(id: string, at: number) => void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const latest = new Map<string, number>()
    const note = (id: string, at: number) => {
      if (at > (latest.get(id) ?? 0)) latest.set(id, at)
    }
    const flush = Effect.suspend(() => {
      if (latest.size === 0) return Effect.void
      const uses = Array.from(latest, ([id, at]) => ({ id, at }))
      latest.clear()
      return write(uses).pipe(
        Effect.onExit((exit) =>
          Effect.sync(() => {
            if (Exit.isFailure(exit)) for (const { at, id } of uses) note(id, at)
          })
        ),
        Effect.ignore
      )
    })
    yield* Effect.addFinalizer(() =>
      Effect.timeoutOption(Effect.interruptible(Effect.disconnect(flush)), LAST_TIME)
    )
    yield* Effect.sleep(WRITTEN_EVERY).pipe(Effect.zipRight(flush), Effect.forever, Effect.forkScoped)
    return note
  })

const WRITTEN_EVERY = Duration.minutes(2)
/** Nobody who stops the service waits long for it. */
const LAST_TIME = Duration.millis(300)
