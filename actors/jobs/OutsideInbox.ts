import { Effect } from "effect"
import { mailboxFingerprint, sameMailbox } from "../../layers/crypto/MailboxFingerprint.ts"
import type { ServiceKeys } from "../../layers/crypto/ServiceKeys.ts"
import type { Inbox } from "../../layers/ews/Ews.ts"
import type { User } from "../../layers/storage/Storage.ts"
import type { Mail } from "../../schemas/EwsMessage.ts"
import type { ItemId } from "../../schemas/Ids.ts"

/**
 * Mails that lie outside of the Inbox that was proven at registration. A URL that leaked could name items of other
 * folders, and rules move mails: only the Inbox is announced. A mail without `parentFolderId` counts as inside.
 */
export const outsideInbox = Effect.fnUntraced(function* (
  user: User,
  mails: ReadonlyArray<Mail>
): Effect.fn.Return<ReadonlyArray<ItemId>, never, ServiceKeys> {
  const outside: Array<ItemId> = []
  if (user.fingerprint === null) return outside
  for (const { itemId, parentFolderId } of mails) {
    if (parentFolderId === undefined) continue
    const found = yield* mailboxFingerprint(user.tenant, user.user, parentFolderId)
    if (!sameMailbox(user.fingerprint, found)) outside.push(itemId)
  }
  return outside
})

/** Not one mail is known to be inside: perhaps it is the fingerprint that is wrong. */
export const isDoubtful = (mails: ReadonlyArray<Mail>, outside: ReadonlyArray<ItemId>): boolean =>
  outside.length > 0 && outside.length === mails.filter((mail) => mail.parentFolderId !== undefined).length

/**
 * What is left of `outside` when Exchange has just said which folder is the Inbox: a mail in that very folder is inside,
 * whatever the fingerprint says (a mailbox that was moved to another server has new ids).
 */
export const outsideFreshInbox = (
  mails: ReadonlyArray<Mail>,
  outside: ReadonlyArray<ItemId>,
  { folderId }: Inbox
): ReadonlyArray<ItemId> => {
  const inside = new Set(mails.filter((mail) => mail.parentFolderId === folderId).map((mail) => mail.itemId))
  return outside.filter((item) => !inside.has(item))
}
