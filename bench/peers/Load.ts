import { CallbackSender } from "./CallbackSender.ts"
import { Latencies } from "./Latencies.ts"
import { Arrivals, type CallbackKind, pickKind, seededRandom, totalOf } from "./LoadModel.ts"
import type { Mailboxes } from "./Mailboxes.ts"
import type { MailWatch } from "./MailWatch.ts"
import type { Registrations } from "./Registrations.ts"
import type { WorldOrder, WorldResult } from "./WorldOrders.ts"

/** What is the service's world of in one run of load. */
export type LoadResult = Omit<WorldResult, "calls" | "badges">

/** Where the load comes from. */
export interface LoadParts {
  readonly mailboxes: Mailboxes
  readonly mails: MailWatch
  readonly registrations: Registrations
}

/**
 * Callbacks of a population, each repeated as Exchange does it until it is answered. With a length in milliseconds they
 * come at their times whatever the service does, and are measured from those times.
 */
export class Load {
  readonly #order: WorldOrder
  readonly #parts: LoadParts
  readonly #sender: CallbackSender
  readonly #random = seededRandom(7)
  readonly #answered = { heartbeat: new Latencies(), mail: new Latencies(), modified: new Latencies() }
  readonly #late = new Latencies()
  readonly #outcomes: Record<string, number> = {}
  readonly #start = performance.now()
  #sent = 0
  #mailsSent = 0
  #underWay = 0
  #lastRepeat = 0

  constructor(order: WorldOrder, parts: LoadParts) {
    this.#order = order
    this.#parts = parts
    this.#sender = new CallbackSender(order.port, SOURCES)
  }

  async run(): Promise<LoadResult> {
    const { length } = this.#order
    if ("milliseconds" in length) await this.#open(length.milliseconds)
    else await this.#closed(length.callbacks)
    await until(() => this.#underWay === 0 && this.#parts.registrations.underWay === 0, PATIENCE)
    await until(() => this.#parts.mails.isDone, OUTBOX_PATIENCE)
    this.#sender.close()
    return this.#result()
  }

  /** Arrivals at their times. */
  async #open(milliseconds: number): Promise<void> {
    const { port, rates, registrations: perSecond } = this.#order
    const callbacks = new Arrivals(totalOf(rates), this.#random)
    const registrations = new Arrivals(perSecond, this.#random)
    for (;;) {
      const now = performance.now()
      const until = Math.min(now - this.#start, milliseconds)
      while (callbacks.next <= until) {
        const due = this.#start + callbacks.take()
        this.#late.add(now - due)
        this.#callBack(due)
      }
      while (registrations.next <= until) {
        this.#parts.registrations.start(port, this.#start + registrations.take())
      }
      if (until >= milliseconds) return
      await pause(1)
    }
  }

  /** One callback after another on each of some connections. */
  #closed(callbacks: number): Promise<void> {
    return new Promise((resolve) => {
      const next = () => {
        if (this.#sent < callbacks) this.#callBack(performance.now(), next)
        else resolve()
      }
      for (let connection = 0; connection < CONNECTIONS; connection++) next()
    })
  }

  #callBack(due: number, done: () => void = () => {}): void {
    const { mailboxes, mails } = this.#parts
    const kind = pickKind(this.#order.rates, this.#random)
    let index = this.#someone()
    while (!mailboxes.take(index)) index = this.#someone()
    this.#sent += 1
    const serial = mails.next()
    if (kind === "mail") {
      this.#mailsSent += 1
      if (this.#order.notifies) mails.expect(serial, index, due)
    }
    this.#underWay += 1
    this.#send(kind, mailboxes.request(kind, index, serial), due, 0, () => {
      mailboxes.release(index)
      this.#underWay -= 1
      done()
    })
  }

  #someone(): number {
    return Math.floor(this.#random() * this.#parts.mailboxes.size)
  }

  #send(kind: CallbackKind, request: string, due: number, repeats: number, done: () => void): void {
    this.#sender.send(request, (outcome) => {
      this.#outcomes[outcome] = (this.#outcomes[outcome] ?? 0) + 1
      if (outcome === "OK" || outcome === "Unsubscribe") {
        this.#answered[kind].add(performance.now() - due)
        if (repeats > 0) this.#lastRepeat = Date.now()
        return done()
      }
      setTimeout(() => this.#send(kind, request, due, repeats + 1, done), FIRST_REPEAT * 2 ** repeats)
    })
  }

  #result(): LoadResult {
    const { mails, registrations } = this.#parts
    const { last, ...tally } = mails.take()
    const refused = registrations.refused
    registrations.refused = 0
    return {
      milliseconds: performance.now() - this.#start,
      answered: {
        heartbeat: this.#answered.heartbeat.take(),
        mail: this.#answered.mail.take(),
        modified: this.#answered.modified.take()
      },
      ...tally,
      mails: this.#mailsSent,
      lastNotified: last === 0 ? 0 : last - this.#start,
      lastRepeat: this.#lastRepeat,
      outcomes: this.#outcomes,
      registered: registrations.latencies.take(),
      refusedRegistrations: refused,
      late: this.#late.take()
    }
  }
}

/** Mailbox servers that call back. */
const SOURCES = 16
/** Of the closed loop. */
const CONNECTIONS = 64
/** Exchange repeats a callback after 30 s, then each time after twice the time. */
const FIRST_REPEAT = 30_000
/** How long answers are waited for after the last arrival: three repeats, and some. */
const PATIENCE = 220_000
/** How long notifications are waited for after the last answer: what is not sent by then is in nobody's hands. */
const OUTBOX_PATIENCE = 30_000

const until = async (isDone: () => boolean, patience: number): Promise<void> => {
  const end = performance.now() + patience
  while (!isDone() && performance.now() < end) await pause(5)
}
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))
