import type { UserNumber } from "../schemas/Ids.ts"
import type { State } from "./SubscriptionState.ts"
import { free, idle } from "./UnderWay.ts"

/**
 * The state of a subscription for which nothing is under way, as it waits for its next message: one array of numbers, less
 * than half of the memory of a `State`, and nothing in it that a garbage collection has to follow.
 */
export type Resting = ReadonlyArray<number>

/** What an actor keeps between two messages. */
export type Kept = State | Resting

/** Packed if nothing is under way; nothing of it is lost. */
export const rest = (state: State): Kept => {
  const isBusy =
    state.work !== idle ||
    state.desk !== free ||
    state.next !== undefined ||
    state.renewal !== undefined ||
    state.queue.length > 0
  if (isBusy) return state
  const { blocked, ledger, subscribedAt } = state
  const fixed = [
    state.linkSince,
    state.lastHeard,
    state.subscription,
    state.watermark,
    state.endpoint,
    state.form,
    state.reformedAt,
    state.inbox,
    state.gapSince,
    state.searchedAt,
    state.inboxRead,
    state.tokenExpiresAt,
    LINKS.indexOf(state.link),
    state.nudges,
    state.generation,
    state.attempted,
    state.refused,
    state.rejected,
    state.unread,
    state.badge,
    state.jobs,
    state.tokenNoticed ? 1 : 0,
    BACKLOGS.indexOf(state.backlog),
    subscribedAt.length,
    blocked.length,
    state.sealedSince,
    state.spent,
    state.hearsay,
    state.home
  ]
  // Made at its size: an array that grew keeps room for more, a hundred thousand times.
  const numbers = new Array<number>(FIXED + subscribedAt.length + blocked.length + ledger.length)
  copy(ledger, numbers, copy(blocked, numbers, copy(subscribedAt, numbers, copy(fixed, numbers, 0))))
  return numbers
}

/** The state of a user from what his actor kept. */
export const rouse = (user: UserNumber, kept: Kept): State => {
  if (!isResting(kept)) return kept
  const at = (index: number): number => kept[index] ?? 0
  const subscribed = FIXED + at(23)
  const blocked = subscribed + at(24)
  return {
    user,
    link: LINKS[at(12)] ?? "None",
    linkSince: at(0),
    nudges: at(13),
    generation: at(14),
    attempted: at(15),
    refused: at(16),
    rejected: at(17),
    subscription: at(2),
    watermark: at(3),
    endpoint: at(4),
    form: at(5),
    sealedSince: at(25),
    reformedAt: at(6),
    inbox: at(7),
    home: at(28),
    lastHeard: at(1),
    gapSince: at(8),
    searchedAt: at(9),
    blocked: sliceOf(kept, subscribed, blocked) as State["blocked"],
    inboxRead: at(10),
    spent: at(26),
    hearsay: at(27),
    unread: at(18),
    badge: at(19),
    tokenExpiresAt: at(11),
    tokenNoticed: at(21) === 1,
    backlog: BACKLOGS[at(22)],
    ledger: sliceOf(kept, blocked, kept.length),
    subscribedAt: sliceOf(kept, FIXED, subscribed),
    jobs: at(20),
    work: idle,
    next: undefined,
    desk: free,
    queue: none,
    renewal: undefined
  }
}

const isResting = (kept: Kept): kept is Resting => Array.isArray(kept)

/** Numbers before the lists. */
const FIXED = 29

const LINKS: ReadonlyArray<State["link"]> = [
  "None",
  "Unconfirmed",
  "Active",
  "Overdue",
  "Lost",
  "CredentialsRejected",
  "CredentialsExpired",
  "Blocked",
  "Parked"
]

const BACKLOGS: ReadonlyArray<State["backlog"]> = [undefined, false, true]

const none: ReadonlyArray<never> = []

const sliceOf = (numbers: Resting, from: number, to: number): ReadonlyArray<number> =>
  from === to ? none : numbers.slice(from, to)

/** Gives the index after the last one. */
const copy = (from: ReadonlyArray<number>, to: Array<number>, at: number): number => {
  for (let index = 0; index < from.length; index++) to[at + index] = from[index]!
  return at + from.length
}
