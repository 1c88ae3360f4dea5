import type { HotState, StoredLink, Subscription } from "../layers/storage/Storage.ts"
import type { DeviceNumber, UserNumber, Watermark } from "../schemas/Ids.ts"
import type { LinkState } from "../schemas/LinkState.ts"
import { isTooOld, sealedSince } from "./KeyAge.ts"
import { decodeLedger, emptyLedger, encodeLedger, hash53, type Ledger } from "./Ledger.ts"
import { earliest, type Round } from "./Round.ts"
import type { Asking, Blocked, JobId } from "./SubscriptionProtocol.ts"
import { type Desk, free, idle, type Queued, type Renewal, type Work } from "./UnderWay.ts"

/**
 * The hot state of one subscription: numbers and digests only, since 100,000 of them are in memory. Whole strings,
 * devices, keys and URLs stay in storage. Times are milliseconds since 1970.
 */
export interface State {
  readonly user: UserNumber
  readonly link: StoredLink | "None"
  readonly linkSince: number
  readonly nudges: number
  /** Live generation; 0 = never subscribed. */
  readonly generation: number
  /** Highest generation that an attempt of this process used. */
  readonly attempted: number
  /** Highest generation known to have failed. */
  readonly refused: number
  /** Highest generation whose log-in Exchange refused: its `f` is not opened again. */
  readonly rejected: number
  /** Digest of Exchange's subscription id; 0 = unknown. */
  readonly subscription: number
  /** Digest of the last watermark; 0 = unknown. */
  readonly watermark: number
  /** Digest of the EWS URL. */
  readonly endpoint: number
  /** As what the live subscription was made (`formOf`); 0 = unknown. */
  readonly form: number
  /** When the key was made that the live subscription's `f` is sealed with; 0 = unknown. */
  readonly sealedSince: number
  /** When a renewal was last tried that only another form or the key's age asked for; 0 = not by this process. */
  readonly reformedAt: number
  /** Digest of the Inbox's folder id as events spell it; 0 = unknown. */
  readonly inbox: number
  /** The same, of mails that Exchange has confirmed to be in the Inbox; 0 = none by this process. */
  readonly home: number
  /** When the last authentic callback came; 0 = not known. */
  readonly lastHeard: number
  /** Mails that came since then may have been missed; 0 = none. */
  readonly gapSince: number
  /** When such mails were last looked for; 0 = not by this process. */
  readonly searchedAt: number
  /** Devices that a Secure Email Gateway did not let pass when it was last asked. */
  readonly blocked: ReadonlyArray<DeviceNumber>
  /** When the Inbox was last read by GetFolder; 0 = not by this process. */
  readonly inboxRead: number
  /** When callbacks may cost all that is allowed again (`Allowance`); in the past: now. */
  readonly spent: number
  /** Since when the unread count is one that callbacks told and nobody confirmed; 0 = it is confirmed. */
  readonly hearsay: number
  /** Unread count of the Inbox; -1 = unknown. */
  readonly unread: number
  /** Badge that iOS devices show; -1 = unknown. */
  readonly badge: number
  /** 0 = the credentials do not expire. */
  readonly tokenExpiresAt: number
  /** The app has been asked for a new token before this one expires. */
  readonly tokenNoticed: boolean
  /** Whether something of this user waits in the outbox; undefined = storage was not asked yet. */
  readonly backlog: boolean | undefined
  readonly ledger: Ledger
  /** Times of new subscriptions in the last 15 min. */
  readonly subscribedAt: ReadonlyArray<number>
  readonly jobs: JobId
  readonly work: Work
  readonly next: Round | undefined
  readonly desk: Desk
  readonly queue: ReadonlyArray<Queued>
  /** The subscription is to be made anew as soon as the desk is free. */
  readonly renewal: Renewal | undefined
}

/** What `decide` must know besides state and message. Durations in milliseconds. */
export interface Env {
  readonly heartbeatCheck: number
  readonly statusFrequency: number
  readonly callbackDeadline: number
  /** Since when Exchange could reach this process: silence before that is our own. */
  readonly listeningSince: number
  /** In so much time those are noticed that were silent before. */
  readonly spread: number
  /** As what this process makes subscriptions (`formOf`). */
  readonly form: number
  /** Older keys that sign callback URLs are kept until no subscription can be of them. */
  readonly hasOldMacs?: boolean
  /** After that the key that seals `f` is replaced; infinite: never. */
  readonly userKeyMaxAge: number
  /** One more subscription may be renewed now that still works. */
  readonly mayReform: boolean
  readonly now: number
}

const noTimes: ReadonlyArray<number> = []
const noQueue: ReadonlyArray<Queued> = []
export const noneBlocked: ReadonlyArray<DeviceNumber> = []

export const digest = (text: string | null | undefined): number => (text ? hash53(text) : 0)

/** A user whom no registration has succeeded for yet; `refused`: highest generation whose proof failed. */
export const unsubscribed = (user: UserNumber, now: number, refused = 0): State => ({
  user,
  link: "None",
  linkSince: now,
  nudges: 0,
  generation: 0,
  attempted: 0,
  refused,
  rejected: 0,
  subscription: 0,
  watermark: 0,
  endpoint: 0,
  form: 0,
  sealedSince: 0,
  reformedAt: 0,
  inbox: 0,
  home: 0,
  lastHeard: now,
  gapSince: 0,
  searchedAt: 0,
  blocked: noneBlocked,
  inboxRead: 0,
  spent: 0,
  hearsay: 0,
  unread: -1,
  badge: -1,
  tokenExpiresAt: 0,
  tokenNoticed: false,
  backlog: undefined,
  ledger: emptyLedger,
  subscribedAt: noTimes,
  jobs: 0,
  work: idle,
  next: undefined,
  desk: free,
  queue: noQueue,
  renewal: undefined
})

/** How long it is remembered when a subscription was made. */
export const RECENT = 15 * 60_000

/** By so much a clock is set back now and then without having been wrong. */
const SET_BACK = 60_000

/**
 * The row's times are not from a clock that was ahead. If one lies in the future none of them says anything: taken for now,
 * or for what they look like, they would hide mails that came before this start.
 */
const isTrusted = ({ hot, subscribedAt }: Subscription, now: number): boolean =>
  Math.max(hot.lastHeard, subscribedAt) <= now + SET_BACK

const isRecent = (row: Subscription, now: number): boolean =>
  isTrusted(row, now) && row.subscribedAt <= now && now - row.subscribedAt < RECENT

/** State after a start. Times from storage are wall clock and may lie in the future of a clock that was set back. */
export const fromStored = (row: Subscription, now: number): State => ({
  ...unsubscribed(row.user, now),
  link: row.link === "Parked" ? "Active" : row.link,
  linkSince: Math.min(row.linkSince, now),
  // The last one may have been counted and held when the process ended; who has got it is not asked twice.
  nudges: Math.max(0, row.nudges - 1),
  generation: row.generation,
  attempted: row.generation,
  refused: row.refused,
  rejected: row.link === "CredentialsRejected" ? row.generation : 0,
  subscribedAt: isRecent(row, now) ? [row.subscribedAt] : noTimes,
  subscription: digest(row.subscriptionId),
  watermark: digest(row.hot.watermark),
  endpoint: digest(row.ewsUrl),
  form: row.form ?? 0,
  sealedSince: sealedSince(row, now),
  lastHeard: isTrusted(row, now) ? Math.min(row.hot.lastHeard, now) : 0,
  unread: row.hot.unread ?? -1,
  badge: row.hot.badge ?? -1,
  gapSince: Math.min(row.hot.gapSince ?? 0, now),
  tokenExpiresAt: row.tokenExpiresAt ?? 0,
  ledger: decodeLedger(row.hot.ledger)
})

/** Since when mails may have been missed for which nobody has looked yet, or no round to its end; 0: none. */
export const openGap = ({ gapSince, next, work }: State): number =>
  earliest(gapSince, earliest("round" in work ? work.round.gap : 0, next?.gap ?? 0))

/** What storage keeps of it; the watermark is known in full only while a callback is being handled. */
export const toHot = (state: State, watermark: Watermark | null): HotState => ({
  watermark,
  lastHeard: state.lastHeard,
  unread: state.unread < 0 ? null : state.unread,
  badge: state.badge < 0 ? null : state.badge,
  gapSince: openGap(state) || null,
  ledger: encodeLedger(state.ledger)
})

/** The state as a device is told. */
export const linkOf = (state: State): LinkState =>
  state.desk._tag !== "Free" &&
  "generation" in state.desk &&
  state.desk.generation > 0 &&
  state.link !== "Active" &&
  state.link !== "Unconfirmed"
    ? "Subscribing"
    : state.link

/** Details can be asked for: the credentials in the callback URL are still good as far as we know. */
export const canAsk = (state: State): boolean =>
  state.link !== "CredentialsRejected" && state.link !== "CredentialsExpired"

/** Callbacks are awaited: silence means something. */
export const isListening = (link: State["link"]): boolean =>
  link === "Active" || link === "Unconfirmed" || link === "Blocked"

/**
 * The live subscription was made otherwise than this process makes them. One that a version made which did not note how is
 * left alone, unless an old key is kept for it: that would be kept for ever.
 */
export const isOutdated = (state: State, env: Env): boolean =>
  state.form !== env.form && (state.form !== 0 || env.hasOldMacs === true)

/** The key that the live subscription's `f` is sealed with has served long enough. */
export const hasOldKey = ({ sealedSince }: State, { now, userKeyMaxAge }: Env): boolean =>
  sealedSince !== 0 && isTooOld(sealedSince, userKeyMaxAge, now)

/** Devices that are not to learn of mails. After a start only the link says that it is all of them. */
export const blockedOf = ({ blocked, link }: State): Blocked => (link === "Blocked" ? "all" : blocked)

/** Why devices are asked to register, again and again, in this state; undefined = they are not. */
export const askingFor = (link: State["link"]): Asking | undefined =>
  link === "Overdue"
    ? "overdue"
    : link === "CredentialsRejected" || link === "CredentialsExpired"
      ? "credentials"
      : undefined

/** The same, where a token that still works for some minutes counts, too. */
export const askingOf = (state: State): Asking | undefined =>
  askingFor(state.link) ?? (state.tokenNoticed && isListening(state.link) ? "credentials" : undefined)
