import { Data } from "effect"
import type { ItemId } from "./Ids.ts"

/** What devices are told. `badge`: the Inbox's unread count; left out when it is unknown or has not changed. */
export type Announcement = Data.TaggedEnum<{
  /** One new mail. Without `sender`, `subject` and `preview` (the fetch failed) it is announced as "New message". */
  NewMail: {
    readonly itemId: ItemId
    readonly sender?: string | undefined
    readonly subject?: string | undefined
    readonly preview?: string | undefined
    readonly badge?: number | undefined
  }
  /** Many mails at once. All their ids, newest first: the id is made of the oldest, the payload names the first ten. */
  Summary: {
    readonly count: number
    readonly messageIds: ReadonlyArray<ItemId>
    readonly badge?: number | undefined
  }
  /** Only the number on the app's icon. */
  Badge: { readonly count: number }
  /** A silent push that asks the app to register: callbacks stopped, or the credentials (soon) no longer work. */
  Resubscribe: { readonly reason: "overdue" | "credentials" }
}>
export const Announcement = Data.taggedEnum<Announcement>()
