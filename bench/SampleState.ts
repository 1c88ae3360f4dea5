import { encodeLedger, hash53, itemEntry } from "../actors/Ledger.ts"
import { type Kept, rest, rouse } from "../actors/Resting.ts"
import { fromStored } from "../actors/SubscriptionState.ts"
import type { Subscription } from "../layers/storage/Storage.ts"
import type { Generation, ItemId, SubscriptionId, UserNumber, Watermark } from "../schemas/Ids.ts"

/** What the measured actors hold, and what a message makes of it. */
export interface Subject<S> {
  readonly state: (id: string, index: number) => S
  readonly next: (id: string, state: S, at: number) => S
}

/** Subscriptions as they are after a start, with some recent mails in their ledgers; the message is a heartbeat. */
export const subscriptions: Subject<Kept> = {
  state: (id, index) => rest(fromStored(stored(id as UserNumber, index), START + index)),
  next: (id, kept, at) =>
    rest({ ...rouse(id as UserNumber, kept), lastHeard: at, watermark: hash53(`watermark ${at}`) })
}

const stored = (user: UserNumber, index: number): Subscription => ({
  user,
  bucket: index % 1024,
  generation: (1 + (index % 5)) as Generation,
  refused: 0 as Generation,
  subscriptionId: `subscription of ${user}` as SubscriptionId,
  ewsUrl: `https://exchange${index % 10}.example.com/EWS/Exchange.asmx`,
  exchangeVersion: "Exchange2013_SP1",
  authType: "Basic",
  tokenExpiresAt: null,
  subscribedAt: START,
  form: 123_456_789,
  sealKeyMadeAt: START,
  link: "Active",
  linkSince: START + index,
  nudges: 0,
  hot: {
    watermark: `watermark of ${user}` as Watermark,
    lastHeard: START + index,
    unread: index % 50,
    badge: index % 50,
    gapSince: null,
    ledger: encodeLedger(Array.from({ length: LEDGER }, (_, mail) => itemEntry(`${user} ${mail}` as ItemId)))
  }
})

const START = 1_700_000_000_000

/** Recent mails of a user that the ledger still knows. */
const LEDGER = 8
