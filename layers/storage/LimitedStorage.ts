import { Duration, Effect } from "effect"
import { StorageError } from "../../schemas/StorageError.ts"
import type { Storage } from "./Storage.ts"

type StorageShape = typeof Storage.Service

/** They go through everything, in small steps, and nobody waits for them. */
const LONG: ReadonlySet<string> = new Set<keyof StorageShape>([
  "forgetUnregistered",
  "dropFormerKeys",
  "expireOutbox",
  "dropDeadLetters",
  "dropHistories",
  "dropAudits"
])

/**
 * A storage whose methods fail after `limit` ms at the latest. What is under way then is ended behind the caller, who
 * cannot know whether it took effect.
 */
export const limited = (storage: StorageShape, limit: number): StorageShape => {
  const members = Object.entries(storage).map(([name, member]) => {
    if (typeof member === "string" || LONG.has(name)) return [name, member]
    const within = <A>(work: Effect.Effect<A, StorageError>) =>
      Effect.disconnect(work).pipe(
        Effect.timeoutFail({
          duration: Duration.millis(limit),
          onTimeout: () =>
            new StorageError({
              operation: name,
              transient: true,
              cause: new Error(`no answer within ${limit} ms`)
            })
        })
      )
    if (typeof member !== "function") return [name, within(member as Effect.Effect<unknown, StorageError>)]
    const method = member as (...parameters: ReadonlyArray<unknown>) => Effect.Effect<unknown, StorageError>
    return [name, (...parameters: ReadonlyArray<unknown>) => within(method(...parameters))]
  })
  return Object.fromEntries(members) as StorageShape
}
