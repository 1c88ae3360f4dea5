import { createHmac, timingSafeEqual } from "node:crypto"
import { Effect } from "effect"
import type { ItemId, TenantNumber, UserNumber } from "../../schemas/Ids.ts"
import { MasterKey } from "./MasterKey.ts"

/**
 * What is kept of a mailbox's identity: 16 bytes of HMAC-SHA-256 over tenant, user and the FolderId of the Inbox. It
 * recognises the mailbox when a further device registers, and tells nobody without the master key which one it is.
 */
export const mailboxFingerprint = (
  tenant: TenantNumber,
  user: UserNumber,
  inbox: ItemId
): Effect.Effect<Buffer, never, MasterKey> =>
  Effect.map(MasterKey, (master) => {
    const key = master.derive("mailbox-fingerprint")
    const digest = createHmac("sha256", key).update(`${tenant}|${user}|${inbox}`, "utf8").digest()
    key.fill(0)
    return digest.subarray(0, 16)
  })

/** Constant-time comparison; false if none is recorded. */
export const sameMailbox = (recorded: Uint8Array | null, found: Uint8Array): boolean =>
  recorded !== null && recorded.length === found.length && timingSafeEqual(recorded, found)
