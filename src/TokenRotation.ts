import { Clock, Effect, Option, Redacted } from "effect"
import { hashApiToken, makeAdminToken, makeApiToken } from "../layers/crypto/ApiTokenSecret.ts"
import { Storage } from "../layers/storage/Storage.ts"
import type { StorageError } from "../schemas/StorageError.ts"
import { shownId, storedId } from "./cli/AdminTokens.ts"

/** A token that took another one's place. Ids as lists show them (`3`, `admin-3`). */
export interface Rotated {
  readonly id: string
  /** Null for an admin token. */
  readonly tenant: string | null
  readonly label: string
  readonly token: Redacted.Redacted<string>
  readonly replaces: string
  /** When the replaced one ends. */
  readonly expiresAt: number
}

/**
 * Makes a new token in the place of one of either kind. That one ends after `overlap` milliseconds, or when it was to end
 * anyway if that is before. None if there is no such token, or none any more.
 */
export const rotate = (
  replaces: string,
  overlap: number
): Effect.Effect<Option.Option<Rotated>, StorageError, Storage> =>
  Effect.gen(function* () {
    const storage = yield* Storage
    const admin = storedId(replaces)
    const token = yield* admin === undefined ? makeApiToken : makeAdminToken
    const createdAt = yield* Clock.currentTimeMillis
    const next = { hash: hashApiToken(Redacted.value(token)), createdAt, until: createdAt + overlap }
    if (admin === undefined) {
      return Option.map(yield* storage.rotateToken(replaces, next), ({ expiresAt, made }): Rotated => {
        const { id, label, tenant } = made
        return { id, tenant, label, token, replaces, expiresAt }
      })
    }
    return Option.map(yield* storage.rotateAdminToken(admin, next), ({ expiresAt, made }): Rotated => {
      const { id, label } = made
      return { id: shownId(id), tenant: null, label, token, replaces: shownId(admin), expiresAt }
    })
  })
