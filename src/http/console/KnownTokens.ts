import { Effect, Fiber } from "effect"
import type { Storage } from "../../../layers/storage/Storage.ts"
import type { StorageError } from "../../../schemas/StorageError.ts"
import { hasEnded, type TokenEnd } from "../../../schemas/TokenEnd.ts"

/** Milliseconds: storage is asked at most so often. */
export const READ_EVERY = 2_000

/**
 * Tells whether a hash is one of an admin token's that has not ended, as storage knew them at most `READ_EVERY` ago: so that a right token is
 * told from any number of wrong ones, and storage does not feel how many these are. `now`: milliseconds since 1970.
 */
export const makeKnownTokens = (
  storage: Pick<Storage["Type"], "adminTokenHashes">
): Effect.Effect<(hash: Uint8Array, now: number) => Effect.Effect<boolean, StorageError>> =>
  Effect.map(Effect.makeSemaphore(1), (one) => {
    let readAt = Number.NEGATIVE_INFINITY
    let known: ReadonlyMap<string, TokenEnd> = new Map()
    let trouble: StorageError | undefined
    const read = storage.adminTokenHashes.pipe(
      Effect.tapError((error) =>
        Effect.sync(() => {
          trouble = error
        })
      ),
      Effect.flatMap((hashes) =>
        Effect.sync(() => {
          known = new Map(hashes.map(({ expiresAt, hash }) => [keyOf(hash), { expiresAt }]))
          trouble = undefined
        })
      )
    )
    const refreshed = (now: number) =>
      Effect.suspend(() => {
        // Nobody is refused for what could not be read a moment ago.
        if (now >= readAt && now - readAt < READ_EVERY) return trouble ?? Effect.void
        readAt = now
        // To the end, also if who asked has hung up: others rely on it.
        return Effect.flatMap(Effect.forkDaemon(read), Fiber.join)
      })
    return (hash, now) =>
      Effect.map(one.withPermits(1)(refreshed(now)), () => {
        const end = known.get(keyOf(hash))
        return end !== undefined && !hasEnded(end, now)
      })
  })

const keyOf = (hash: Uint8Array): string => Buffer.from(hash).toString("base64url")
