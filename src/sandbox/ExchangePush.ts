import { randomBytes } from "node:crypto"
import { Caller, type CallerOptions } from "./ExchangeCaller.ts"
import type { Faults } from "./ExchangeFaults.ts"
import type { Mailbox } from "./ExchangeMailbox.ts"
import type { RetryReading } from "./ExchangeRetry.ts"
import {
  type Delivery,
  Subscription,
  type SubscriptionRequest,
  type SubscriptionState
} from "./ExchangeSubscription.ts"
import { Recorder } from "./Recorder.ts"
import type { Timers } from "./Timers.ts"

export interface PushOptions extends CallerOptions {
  readonly minute: number
  readonly retry: RetryReading
  readonly withUnreadCount: boolean
  readonly eventsPerCallback: number
}

/** A push subscription as the outside may see it. */
export interface SubscriptionView {
  readonly id: string
  readonly user: string
  readonly url: string
  readonly statusFrequency: number
  readonly state: SubscriptionState
  readonly failures: number
  readonly watermark: string
}

/** All push subscriptions of the server, in memory as at Exchange: a restart forgets them. */
export class PushSender {
  readonly deliveries = new Recorder<Delivery>(MAX_DELIVERIES)
  readonly #live = new Map<string, Subscription>()
  readonly #ended = new Recorder<Subscription>(MAX_ENDED)
  readonly #stopped = new Set<Mailbox>()
  readonly #options: PushOptions
  readonly #caller: Caller
  readonly #timers: Timers
  readonly #faults: Faults
  readonly #changed: () => void
  #allStopped = false

  constructor(options: PushOptions, timers: Timers, faults: Faults, changed: () => void) {
    this.#options = options
    this.#caller = new Caller(options)
    this.#timers = timers
    this.#faults = faults
    this.#changed = changed
  }

  /** Makes a subscription that does not call back yet. */
  subscribe(request: Omit<SubscriptionRequest, "id">): Subscription {
    const subscription = new Subscription(
      { ...request, id: newSubscriptionId() },
      {
        ...this.#options,
        caller: this.#caller,
        timers: this.#timers,
        faults: this.#faults,
        heartbeatStopped: (mailbox) => this.#allStopped || this.#stopped.has(mailbox),
        changed: this.#changed,
        delivered: (delivery) => {
          this.deliveries.add(delivery)
          this.#changed()
        },
        ended: (ended) => {
          this.#live.delete(ended.request.id)
          this.#ended.add(ended)
        }
      }
    )
    this.#live.set(subscription.request.id, subscription)
    this.#changed()
    return subscription
  }

  find(id: string): Subscription | undefined {
    return this.#live.get(id)
  }

  countOf(mailbox: Mailbox): number {
    return this.#of(mailbox).length
  }

  /** Stops the heartbeats of one mailbox, or of all; mail events still go out. */
  stopHeartbeat(mailbox: Mailbox | "all"): void {
    if (mailbox === "all") this.#allStopped = true
    else this.#stopped.add(mailbox)
  }

  resumeHeartbeat(mailbox: Mailbox | "all"): void {
    if (mailbox === "all") {
      this.#allStopped = false
      this.#stopped.clear()
    } else this.#stopped.delete(mailbox)
  }

  breakDown(mailbox: Mailbox | "all", responseCode: string): void {
    for (const subscription of this.#of(mailbox)) subscription.breakDown(responseCode)
  }

  /** The next callback of these subscriptions does not follow on the last one. */
  skip(mailbox: Mailbox | "all"): void {
    for (const subscription of this.#of(mailbox)) subscription.skip()
  }

  forget(mailbox: Mailbox | "all"): void {
    for (const subscription of this.#of(mailbox)) subscription.end("Forgotten")
  }

  /** Ended ones first, then those that live. */
  views(): ReadonlyArray<SubscriptionView> {
    return [...this.#ended.all(), ...this.#live.values()].map(viewOf)
  }

  /** Called with every subscription that ends; answers how to stop. */
  onEnded(listener: (view: SubscriptionView) => void): () => void {
    return this.#ended.listen((subscription) => listener(viewOf(subscription)))
  }

  close(): void {
    this.forget("all")
    this.#caller.close()
  }

  #of(mailbox: Mailbox | "all"): ReadonlyArray<Subscription> {
    return [...this.#live.values()].filter((one) => mailbox === "all" || one.request.mailbox === mailbox)
  }
}

const viewOf = (subscription: Subscription): SubscriptionView => ({
  id: subscription.request.id,
  user: subscription.request.mailbox.address,
  url: subscription.request.url,
  statusFrequency: subscription.request.statusFrequency,
  state: subscription.state,
  failures: subscription.failures,
  watermark: subscription.watermark
})

const MAX_DELIVERIES = 5000
const MAX_ENDED = 1000

/** Like those of Exchange 2010 and later: a length, the mailbox server's name in clear, a GUID, in base64. */
const newSubscriptionId = (): string => {
  const server = Buffer.from("sandbox.exchange.example", "ascii")
  const lengthOf = (bytes: Buffer) => {
    const length = Buffer.alloc(2)
    length.writeUInt16LE(bytes.length)
    return length
  }
  const guid = randomBytes(16)
  return Buffer.concat([lengthOf(server), server, lengthOf(guid), Buffer.alloc(2), guid]).toString("base64")
}
