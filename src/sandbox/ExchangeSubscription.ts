import {
  type CallbackContext,
  errorCallback,
  eventsCallback,
  type Notification,
  statusCallback,
  subscriptionStatus
} from "./ExchangeCallback.ts"
import type { Caller, CallerAnswer } from "./ExchangeCaller.ts"
import type { Faults } from "./ExchangeFaults.ts"
import type { MailboxEvent } from "./ExchangeHistory.ts"
import type { Mailbox } from "./ExchangeMailbox.ts"
import { type RetryReading, retryTimes } from "./ExchangeRetry.ts"
import type { Timers } from "./Timers.ts"

/**
 * `Active`; `Retrying` (the last callback failed); or ended: `Unsubscribed` by the listener, `Dropped` after the last
 * retry, `Broken` (its events could not be read), `Forgotten` by a restart.
 */
export type SubscriptionState = "Active" | "Retrying" | "Unsubscribed" | "Dropped" | "Broken" | "Forgotten"

/** What a push subscription was made with. */
export interface SubscriptionRequest {
  readonly id: string
  readonly mailbox: Mailbox
  readonly url: string
  readonly folderIds: ReadonlySet<string>
  /** `CreatedEvent` … */
  readonly eventTypes: ReadonlySet<string>
  /** Minutes. */
  readonly statusFrequency: number
  readonly requestedVersion: string
  /** Position from which on events are reported. */
  readonly watermark: string
  /** Events since then that happened before the subscription was made. */
  readonly missed: ReadonlyArray<MailboxEvent>
}

/** One attempt to deliver one callback. */
export interface Delivery {
  readonly subscriptionId: string
  readonly user: string
  readonly at: Date
  /** Event names in order; empty for an error callback. */
  readonly events: ReadonlyArray<string>
  readonly itemIds: ReadonlyArray<string>
  readonly previousWatermark: string
  readonly watermark: string
  /** 0 = first attempt, then the retries. */
  readonly attempt: number
  /** `OK`, `Unsubscribe`, `HTTP 503`, `timeout`, `ECONNREFUSED`, `not a SendNotificationResult` … */
  readonly outcome: string
  readonly milliseconds: number
}

/** What subscriptions share. */
export interface SubscriptionHost {
  readonly caller: Caller
  readonly timers: Timers
  readonly faults: Faults
  /** Milliseconds of one of Exchange's minutes. */
  readonly minute: number
  readonly retry: RetryReading
  readonly withUnreadCount: boolean
  readonly eventsPerCallback: number
  readonly heartbeatStopped: (mailbox: Mailbox) => boolean
  readonly delivered: (delivery: Delivery) => void
  readonly ended: (subscription: Subscription) => void
  /** The state of some subscription is not what it was. */
  readonly changed: () => void
}

/** One push subscription: at most one callback is under way; what happens meanwhile goes into the next one. */
export class Subscription {
  readonly request: SubscriptionRequest
  readonly #host: SubscriptionHost
  readonly #pending: Array<MailboxEvent>
  readonly #stopListening: () => void
  #state: SubscriptionState = "Active"
  #previousWatermark: string
  #attempts = 0
  #busy = true
  #cancelHeartbeat = () => {}

  constructor(request: SubscriptionRequest, host: SubscriptionHost) {
    this.request = request
    this.#host = host
    this.#previousWatermark = request.watermark
    this.#pending = request.missed.filter((event) => this.#wants(event))
    this.#stopListening = request.mailbox.listen((events) => this.#offer(events))
  }

  get state(): SubscriptionState {
    return this.#state
  }

  /** Failed attempts of the callback under way; 0 when all is well. */
  get failures(): number {
    return this.#state === "Retrying" ? this.#attempts : 0
  }

  get watermark(): string {
    return this.#previousWatermark
  }

  /** Begins to call back, with a status event if `withStatus`. Resolves once the first callback is on the wire. */
  start(withStatus: boolean): Promise<void> {
    return new Promise((sent) => {
      if (withStatus && this.#live) return this.#send(statusCallback(this.#context()), sent)
      this.#next()
      sent()
    })
  }

  /** Reports that events cannot be read any more, and ends. */
  breakDown(responseCode: string): void {
    if (!this.#live) return
    const notification = errorCallback(this.#context(), responseCode)
    this.end("Broken")
    void this.#post(notification, 0)
  }

  /** Loses a position: what comes next names a PreviousWatermark that the listener has never seen. */
  skip(): void {
    const { mailbox } = this.request
    this.#previousWatermark = mailbox.watermark(mailbox.nextSequence())
  }

  /** Ends without a word to the listener. */
  end(state: Exclude<SubscriptionState, "Active" | "Retrying">): void {
    if (!this.#live) return
    this.#cancelHeartbeat()
    this.#stopListening()
    this.#pending.length = 0
    this.#state = state
    this.#host.ended(this)
    this.#host.changed()
  }

  get #live(): boolean {
    return this.#state === "Active" || this.#state === "Retrying"
  }

  #offer(events: ReadonlyArray<MailboxEvent>): void {
    this.#pending.push(...events.filter((event) => this.#wants(event)))
    if (this.#pending.length > MAX_PENDING) return this.breakDown("ErrorReadEventsFailed")
    if (!this.#busy) this.#next()
  }

  #wants(event: MailboxEvent): boolean {
    const folders = [
      "folderId" in event.object ? event.object.folderId : event.parentFolderId,
      event.old?.parentFolderId ?? ""
    ]
    return (
      this.request.eventTypes.has(`${event.kind}Event`) &&
      folders.some((id) => this.request.folderIds.has(id))
    )
  }

  #next(): void {
    this.#cancelHeartbeat()
    this.#busy = false
    if (!this.#live) return
    if (this.#pending.length === 0) return this.#armHeartbeat()
    const events = this.#pending.splice(0, this.#host.eventsPerCallback)
    this.#send(eventsCallback(this.#context(), events, this.#pending.length > 0))
  }

  #armHeartbeat(): void {
    this.#cancelHeartbeat = this.#host.timers.after(this.request.statusFrequency * this.#host.minute, () => {
      if (this.#host.heartbeatStopped(this.request.mailbox)) this.#armHeartbeat()
      else this.#send(statusCallback(this.#context()))
    })
  }

  #send(notification: Notification, onSent?: () => void): void {
    this.#busy = true
    this.#attempts = 0
    this.#cancelHeartbeat()
    void this.#attempt(notification, Number.NaN, onSent)
  }

  async #attempt(notification: Notification, firstFailure: number, onSent?: () => void): Promise<void> {
    const outcome = await this.#post(notification, this.#attempts, onSent)
    if (!this.#live) return
    if (outcome === "Unsubscribe") return this.end("Unsubscribed")
    if (outcome === "OK") return this.#acknowledged(notification)
    const failedAt = Number.isNaN(firstFailure) ? performance.now() : firstFailure
    const due = retryTimes(this.#host.retry, this.request.statusFrequency)[this.#attempts]
    if (due === undefined) return this.end("Dropped")
    this.#attempts += 1
    this.#state = "Retrying"
    this.#host.changed()
    const wait = Math.max(0, failedAt + due * this.#host.minute - performance.now())
    this.#host.timers.after(wait, () => {
      if (this.#live) void this.#attempt(notification, failedAt)
    })
  }

  async #acknowledged(notification: Notification): Promise<void> {
    this.#state = "Active"
    this.#attempts = 0
    if (notification.itemIds.length > 0 && this.#repeats()) {
      const outcome = await this.#post(notification, 0)
      if (outcome === "Unsubscribe") return this.end("Unsubscribed")
    }
    this.#previousWatermark = notification.watermark
    this.#host.changed()
    this.#next()
  }

  #repeats(): boolean {
    return this.#host.faults.takeRepeat(this.request.mailbox.address)
  }

  async #post(notification: Notification, attempt: number, onSent?: () => void): Promise<string> {
    const at = new Date()
    const began = performance.now()
    const outcome = outcomeOf(await this.#host.caller.post(this.request.url, notification.xml, onSent))
    this.#host.delivered({
      subscriptionId: this.request.id,
      user: this.request.mailbox.address,
      at,
      events: notification.events,
      itemIds: notification.itemIds,
      previousWatermark: this.#previousWatermark,
      watermark: notification.watermark,
      attempt,
      outcome,
      milliseconds: performance.now() - began
    })
    return outcome
  }

  #context(): CallbackContext {
    return {
      subscriptionId: this.request.id,
      mailbox: this.request.mailbox,
      requestedVersion: this.request.requestedVersion,
      previousWatermark: this.#previousWatermark,
      withUnreadCount: this.#host.withUnreadCount
    }
  }
}

const MAX_PENDING = 10_000

const outcomeOf = (answer: CallerAnswer): string => {
  if (answer.status === undefined) return answer.reason
  if (answer.status < 200 || answer.status > 299) return `HTTP ${answer.status}`
  return subscriptionStatus(answer.body) ?? "not a SendNotificationResult"
}
