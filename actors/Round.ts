import type { Redacted } from "effect"
import type { Mail } from "../schemas/EwsMessage.ts"
import type { ItemId, Watermark } from "../schemas/Ids.ts"
import type { Callback } from "../schemas/SubscriptionMessage.ts"
import type { Arrival } from "./MailEvents.ts"
import type { Waiter } from "./SubscriptionProtocol.ts"

/** So many mails one round may have; what comes then is asked for again. */
export const ARRIVALS_MAX = 512

/** Work on one or more callbacks that report the same or following events, or on mails that no callback reported. */
export interface Round {
  readonly waiters: ReadonlyArray<Waiter>
  readonly keys: ReadonlyArray<number>
  readonly generation: number
  /** undefined: no callback brought credentials. */
  readonly f: Redacted.Redacted<string> | undefined
  readonly activityId: string
  readonly arrivals: ReadonlyArray<Arrival>
  /** Mails of which Exchange has told the details already. */
  readonly details: ReadonlyArray<Mail>
  /** Mails that came since then may have been missed, and are this round's business; 0 = none. */
  readonly gap: number
  /** They have been looked for, and are among the arrivals. */
  readonly searched: boolean
  readonly unread: number | undefined
  /** Hash of the Inbox's folder id as events spell it; 0 = unknown. */
  readonly inbox: number
  /** Those of the waiters whose subscription was replaced: once its mails are in good hands it is ended. */
  readonly leaving: ReadonlyArray<Waiter>
  /** No questions to Exchange. */
  readonly blind: boolean
  /** It may be the one that crashed the actor before: nothing else is handled together with it. */
  readonly alone: boolean
  readonly watermark: Watermark | undefined
  readonly arrivedAt: number
}

const noDetails: ReadonlyArray<Mail> = []

/** A round without events, for which nobody waits. */
export const emptyRound = (
  { activityId, f, generation }: Pick<Round, "activityId" | "f" | "generation"> | Callback,
  inbox: number,
  arrivedAt: number
): Round => ({
  waiters: [],
  keys: [],
  generation,
  f,
  activityId,
  arrivals: [],
  details: noDetails,
  gap: 0,
  searched: false,
  unread: undefined,
  inbox,
  leaving: [],
  blind: false,
  alone: false,
  watermark: undefined,
  arrivedAt
})

/** One round in place of two. Credentials are opened only together with the generation that they came with. */
export const merge = (first: Round, later: Round): Round => {
  const arrivals = new Map(first.arrivals.map((arrival) => [arrival.itemId, arrival]))
  for (const arrival of later.arrivals) {
    const known = arrivals.get(arrival.itemId)
    const isBetter = known === undefined || known.createdOnly || known.missed
    arrivals.set(arrival.itemId, isBetter ? arrival : known)
  }
  const { f, generation } = bearerOf(first, later)
  return {
    ...later,
    f,
    generation,
    waiters: [...first.waiters, ...later.waiters],
    leaving: [...first.leaving, ...later.leaving],
    keys: [...first.keys, ...later.keys],
    arrivals: [...arrivals.values()],
    details: [...first.details, ...later.details],
    gap: earliest(first.gap, later.gap),
    searched: isDone(first) && isDone(later),
    unread: later.unread ?? first.unread,
    blind: first.blind && later.blind,
    alone: false,
    watermark: later.watermark ?? first.watermark,
    arrivedAt: first.arrivedAt
  }
}

/** Of two generations the later one: the log-in of the other may be refused by now. */
const bearerOf = (first: Round, later: Round): Round => {
  if (first.f === undefined || later.f === undefined) return later.f === undefined ? first : later
  return first.generation > later.generation ? first : later
}

/** The round with the missed mails that were found; one that its events report, too, stays theirs. */
export const withFound = (round: Round, found: ReadonlyArray<Mail>): Round => {
  const reported = new Set<ItemId>(round.arrivals.map(({ itemId }) => itemId))
  const missed = found
    .filter(({ itemId }) => !reported.has(itemId))
    .slice(0, Math.max(0, ARRIVALS_MAX - reported.size))
    .map(({ itemId, parentFolderId: folder, receivedAt: at }) => {
      return { itemId, createdOnly: false, missed: true, at, folder }
    })
  return {
    ...round,
    arrivals: [...missed.toReversed(), ...round.arrivals],
    details: [...round.details, ...found],
    searched: true
  }
}

/** The earlier of two times of which 0 means none. */
export const earliest = (a: number, b: number): number => (a === 0 || b === 0 ? a + b : Math.min(a, b))

const isDone = (round: Round): boolean => round.gap === 0 || round.searched
