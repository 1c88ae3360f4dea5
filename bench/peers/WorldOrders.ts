import type { Spread } from "./Latencies.ts"
import type { CallbackKind, CallbackRates } from "./LoadModel.ts"
import type { PlayedOperation } from "./PlayedExchange.ts"

/** What a world is made for: users in an empty data directory, and the port on which the service will listen. */
export interface WorldPlan {
  readonly directory: string
  readonly users: number
  readonly port: number
  /** RSA keys that lie ready for those who will register. */
  readonly poolKeys: number
  /** Mails that each user's ledger knows; absent = as many as usual. */
  readonly ledger?: number | undefined
}

/** Where the service finds the world. */
export interface WorldReady {
  readonly caFile: string
  readonly gatewayUrl: string
}

/** What the world is to do to the service; it answers with a `WorldResult` when everything has been answered. */
export interface WorldOrder {
  /** The service's, or that of a peer, which sends no notifications. */
  readonly port: number
  readonly notifies: boolean
  readonly rates: CallbackRates
  /** Arrivals at their times for so many milliseconds, or so many callbacks, each on one of 64 connections. */
  readonly length: { readonly milliseconds: number } | { readonly callbacks: number }
  /** First registrations of users who are new, a second. */
  readonly registrations: number
}

export interface WorldResult {
  readonly milliseconds: number
  /** From the time at which a callback was due to its answer, OK or Unsubscribe, over all repeats. */
  readonly answered: Readonly<Record<CallbackKind, Spread>>
  /** From the time at which the callback was due to the gateway's receiving the notification of a mail, for each device. */
  readonly notified: Spread
  readonly mails: number
  /** Of all mails, until the last notification of the last one; milliseconds since the start. */
  readonly lastNotified: number
  /** When the last callback that had to be repeated was answered; milliseconds since 1970, 0 = none had to. */
  readonly lastRepeat: number
  /** What came of the callbacks and of their repeats, by outcome. */
  readonly outcomes: Readonly<Record<string, number>>
  readonly calls: Readonly<Record<PlayedOperation, number>>
  readonly badges: number
  readonly withoutDetails: number
  /** Notifications of mails that a device had already. */
  readonly duplicates: number
  /** Devices that were never notified of a mail. */
  readonly missing: number
  readonly registered: Spread
  /** Answers of the device API other than code 7. */
  readonly refusedRegistrations: number
  /** How late the world itself was with its callbacks: what of the latencies is not the service's fault. */
  readonly late: Spread
}
