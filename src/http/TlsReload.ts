import { stat } from "node:fs/promises"
import { Effect, Either, type Scope } from "effect"
import type { TlsProblem } from "./TlsProblem.ts"

/** How often the files are looked at: asking is cheap, and works on network drives and with swapped links, too. */
const EVERY = "10 seconds"

/** What the files looked like; the same as long as nobody writes or replaces one. */
export const signatureOf = (files: ReadonlyArray<string>): Effect.Effect<string> =>
  Effect.map(
    Effect.forEach(files, (file) =>
      Effect.tryPromise(() => stat(file)).pipe(
        Effect.map(({ ino, mtimeMs, size }) => `${ino} ${mtimeMs} ${size}`),
        Effect.orElseSucceed(() => "missing")
      )
    ),
    (parts) => parts.join("|")
  )

/**
 * Loads the files again when they no longer look as they did (`seen`), until the scope closes. What cannot be loaded is
 * tried again: a key and its certificate are written one after the other, so a problem is told only if the next look finds
 * the same, and then once.
 */
export const whenChanged = <A>(
  files: ReadonlyArray<string>,
  seen: string,
  load: Effect.Effect<A, TlsProblem>,
  take: (loaded: A) => Effect.Effect<void>
): Effect.Effect<void, never, Scope.Scope> => {
  let taken = seen
  let problem = ""
  let isTold = false
  const look = Effect.gen(function* () {
    const now = yield* signatureOf(files)
    if (now === taken) {
      problem = ""
      return
    }
    const loaded = yield* Effect.either(load)
    if (Either.isRight(loaded)) {
      taken = now
      problem = ""
      return yield* take(loaded.right)
    }
    const { message } = loaded.left
    if (message !== problem) {
      problem = message
      isTold = false
    } else if (!isTold) {
      isTold = true
      yield* Effect.logError(`new TLS files cannot be used, the certificate stays what it was: ${message}`)
    }
  })
  return Effect.asVoid(Effect.forkScoped(Effect.forever(Effect.delay(look, EVERY))))
}
