import { timingSafeEqual } from "node:crypto"
import { Effect } from "effect"
import type { ItemId, TenantNumber, UserNumber } from "../../schemas/Ids.ts"
import { ServiceKeys } from "./ServiceKeys.ts"

/**
 * What is kept of a mailbox's identity: 16 bytes of HMAC-SHA-256 over tenant, user and the FolderId of the Inbox. It
 * recognises the mailbox when a further device registers, and tells nobody without the key which one it is.
 */
export const mailboxFingerprint = (
  tenant: TenantNumber,
  user: UserNumber,
  inbox: ItemId
): Effect.Effect<Buffer, never, ServiceKeys> =>
  Effect.map(ServiceKeys, (keys) => keys.fingerprint.digest(`${tenant}|${user}|${inbox}`).subarray(0, 16))

/** Constant-time comparison; false if none is recorded. */
export const sameMailbox = (recorded: Uint8Array | null, found: Uint8Array): boolean =>
  recorded !== null && recorded.length === found.length && timingSafeEqual(recorded, found)
