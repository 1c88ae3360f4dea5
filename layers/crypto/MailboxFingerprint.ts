import { timingSafeEqual } from "node:crypto"
import { Effect } from "effect"
import type { ItemId, TenantNumber, UserNumber } from "../../schemas/Ids.ts"
import { HmacKey } from "./HmacKey.ts"
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
  Effect.map(MasterKey, (master) => keyOf(master).digest(`${tenant}|${user}|${inbox}`).subarray(0, 16))

/** Of each master key: deriving it for every mail would cost more than using it. */
const keys = new WeakMap<MasterKey["Type"], HmacKey>()

const keyOf = (master: MasterKey["Type"]): HmacKey => {
  const known = keys.get(master)
  if (known !== undefined) return known
  const raw = master.derive("mailbox-fingerprint")
  const key = new HmacKey(raw)
  raw.fill(0)
  keys.set(master, key)
  return key
}

/** Constant-time comparison; false if none is recorded. */
export const sameMailbox = (recorded: Uint8Array | null, found: Uint8Array): boolean =>
  recorded !== null && recorded.length === found.length && timingSafeEqual(recorded, found)
