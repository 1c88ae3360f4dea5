import { Clock, Effect, Either } from "effect"
import type { ExchangeVersion } from "../../schemas/EwsMessage.ts"
import type { EwsUrlUnknown } from "./EndpointPolicy.ts"

/** What is remembered of a domain: nothing of a user, and no permission, which is asked for anew each time. */
export interface RememberedPlace {
  readonly url: string
  readonly version: ExchangeVersion | undefined
}

/** How a lookup ended, and for how many milliseconds that holds for others of the domain; 0 = not at all. */
export interface Looked {
  readonly result: Either.Either<RememberedPlace, EwsUrlUnknown>
  readonly holds: number
}

/** Results of Autodiscover by key (tenant and domain). Bounded; the oldest entry goes first. */
export interface AutodiscoverCache {
  /**
   * What is remembered, else what `look` finds. One lookup at a time per key: others wait for it, and take over its
   * result if it holds for them, else look themselves.
   */
  readonly through: <E>(key: string, look: Effect.Effect<Looked, E>) => Effect.Effect<Looked["result"], E>
  /** Drops the entries of which this holds. */
  readonly drop: (which: (key: string, place: RememberedPlace) => boolean) => Effect.Effect<void>
}

interface Entry {
  readonly result: Looked["result"]
  readonly until: number
}

/** One lookup under way, and how many wait for it or do it. */
interface Turn {
  readonly semaphore: Effect.Semaphore
  callers: number
}

export const makeAutodiscoverCache = (limit: number): AutodiscoverCache => {
  const entries = new Map<string, Entry>()
  const turns = new Map<string, Turn>()

  const remembered = (key: string): Effect.Effect<Looked["result"] | undefined> =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      const entry = entries.get(key)
      if (entry === undefined || entry.until > now) return entry?.result
      entries.delete(key)
      return undefined
    })
  const remember = (key: string, { holds, result }: Looked): Effect.Effect<void> =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      if (holds <= 0) return
      entries.delete(key)
      entries.set(key, { result, until: now + holds })
      const [oldest] = entries.keys()
      if (entries.size > limit && oldest !== undefined) entries.delete(oldest)
    })
  const enter = (key: string) =>
    Effect.sync((): Turn => {
      const turn = turns.get(key) ?? { semaphore: Effect.unsafeMakeSemaphore(1), callers: 0 }
      turns.set(key, turn)
      turn.callers++
      return turn
    })
  const leave = (key: string, turn: Turn) =>
    Effect.sync(() => {
      if (--turn.callers === 0) turns.delete(key)
    })

  return {
    through: (key, look) => {
      const inTurn = Effect.gen(function* () {
        const known = yield* remembered(key)
        if (known !== undefined) return known
        const looked = yield* look
        yield* remember(key, looked)
        return looked.result
      })
      return Effect.flatMap(remembered(key), (known) =>
        known !== undefined
          ? Effect.succeed(known)
          : Effect.acquireUseRelease(
              enter(key),
              (turn) => turn.semaphore.withPermits(1)(inTurn),
              (turn) => leave(key, turn)
            )
      )
    },
    drop: (which) =>
      Effect.sync(() => {
        for (const [key, { result }] of entries) {
          if (Either.isRight(result) && which(key, result.right)) entries.delete(key)
        }
      })
  }
}
