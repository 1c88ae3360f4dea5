import type { IncomingMessage, ServerResponse } from "node:http"
import { Either } from "effect"
import { isHeartbeat } from "../../actors/MailEvents.ts"
import type { ReplyOf, Subscriptions, Unavailable } from "../../actors/Subscriptions.ts"
import type { CallbackAddress, CallbackSeal } from "../../layers/crypto/CallbackSeal.ts"
import type { CallbackReader } from "../../layers/ews/CallbackReader.ts"
import type { Role } from "../../layers/ownership/Ownership.ts"
import type { DoneSpan } from "../../layers/telemetry/Spans.ts"
import type { EwsNotification } from "../../schemas/EwsMessage.ts"
import type { UserNumber } from "../../schemas/Ids.ts"
import type { Callback } from "../../schemas/SubscriptionMessage.ts"
import { ArrivedCallback } from "./ArrivedCallback.ts"
import { type CallbackAnswer, send, tooMany, wrongMethod } from "./CallbackAnswer.ts"
import {
  CROWDED,
  DRAINING,
  FAULT,
  FOREIGN_SOURCE,
  LATE,
  OK,
  RETRY,
  SHED,
  SLOW,
  STANDBY,
  TOO_LARGE,
  UNAVAILABLE,
  UNSUBSCRIBE,
  UNUSABLE,
  WITHHELD
} from "./CallbackAnswers.ts"
import { parseCallbackQuery } from "./CallbackUrl.ts"
import { Deadlines } from "./Deadlines.ts"
import { vouchFor } from "./Guest.ts"
import { HeldBySource } from "./HeldBySource.ts"
import { HeldCallback } from "./HeldCallback.ts"
import { type CallbackCounts, type CallbackOutcome, callbackSeconds } from "./HttpMetrics.ts"
import type { LimitsShape } from "./Limits.ts"
import type { MassGuard } from "./MassGuard.ts"
import { type Pressure, refusesUnread, refusesWork } from "./Overload.ts"
import { type BodyLedger, BodyReader, type BodyTrouble } from "./RequestBody.ts"

/** What the dispatcher works with; all of it plain functions, so that a callback costs no fiber. */
export interface DispatcherParts {
  readonly verify: CallbackSeal["Type"]["verify"]
  readonly post: Subscriptions["Type"]["post"]
  readonly read: CallbackReader
  /** False while draining. */
  readonly isOpen: () => boolean
  readonly pressure: () => Pressure
  /** Asked again right before an answer that cannot be taken back. */
  readonly role: () => Role
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly guard: MassGuard
  readonly counts: CallbackCounts
  /** Milliseconds after which a callback is answered 503 if its actor says nothing. */
  readonly patience: number
  /** More callbacks than this of one source being held: the next ones are hurried. */
  readonly heldMax: number
  readonly limits: Pick<LimitsShape, "sourceOf" | "keyOf" | "address" | "failed" | "refused">
  /** Whether callbacks may come from an address; undefined: from any. */
  readonly mayCall: ((source: string) => boolean) | undefined
  /** Where callbacks that led to work are told for traces. */
  readonly record?: ((span: DoneSpan) => void) | undefined
}

/** Milliseconds that a body may take. */
const BODY_TIME = 10_000

/** Exchange has one callback of a subscription under way at a time, and a repeat or two of those that took too long. */
const HELD_PER_URL = 16
/** Whoever else has got hold of the URL leaves room for Exchange, unless he has several addresses. */
const HELD_PER_URL_AND_SOURCE = 8

/**
 * Takes callbacks from the HTTP server to the actors and their replies back. Everything that can be refused is refused
 * before anything dear is done: first load, then the URL's MAC, then the body's size, then its content.
 */
export class CallbackDispatcher {
  readonly #parts: DispatcherParts
  readonly #reading = new Deadlines<BodyReader>(BODY_TIME)
  readonly #waiting: Deadlines<HeldCallback>
  readonly #sources = new HeldBySource()
  readonly #urls = new HeldBySource()
  readonly #ledger: BodyLedger = { bytes: 0 }

  constructor(parts: DispatcherParts) {
    this.#parts = parts
    this.#waiting = new Deadlines(parts.patience)
  }

  /** Callbacks that are being read or wait for their actor. */
  get inHand(): number {
    return this.#reading.size + this.#waiting.size
  }

  /** Callbacks that wait for their actor. */
  get held(): number {
    return this.#waiting.size
  }

  /** Handles a request to the callback's path. Never throws. */
  dispatch(request: IncomingMessage, response: ServerResponse): void {
    try {
      this.#accept(request, response)
    } catch (fault) {
      this.#fail(response, fault)
    }
  }

  /** To be called once a second: cuts off slow bodies, and answers for actors that do not. */
  tick(): void {
    this.#reading.advance((reader) => reader.cut())
    this.#waiting.advance((held) => {
      held.answered = true
      this.#leave(held)
      this.#measure(held, "late")
      this.#answer(held.response, LATE, "late", held.callback.activityId)
    })
  }

  /** Answers 503 to all that are in hand, for the process is about to end; says how many. */
  giveBack(): number {
    const count = this.inHand
    this.#reading.clear((reader) => reader.cut())
    this.#waiting.clear((held) => {
      held.answered = true
      this.#leave(held)
      this.#answer(held.response, DRAINING, "draining")
    })
    return count
  }

  #accept(request: IncomingMessage, response: ServerResponse): void {
    const { guard, isOpen, limits, mayCall, now, pressure, role } = this.#parts
    const method = request.method ?? ""
    if (mayCall !== undefined && !mayCall(limits.sourceOf(request))) this.#turnAway(request, response)
    else if (method !== "POST") this.#wrongMethod(request, response, method)
    else if (!isOpen()) this.#answer(response, DRAINING, "draining")
    // A new connection may lead to the active node.
    else if (role() === "standby") this.#answer(response, STANDBY, "unavailable", undefined, true)
    else if (refusesUnread(pressure(), this.inHand, this.#ledger.bytes)) {
      this.#answer(response, SHED, "shed", undefined, true)
    } else {
      guard.seen(now())
      this.#read(request, response)
    }
  }

  /** Of all methods alike, and without a look at the URL. */
  #wrongMethod(request: IncomingMessage, response: ServerResponse, method: string): void {
    const { limits, now } = this.#parts
    const wait = limits.address.take(limits.keyOf(limits.sourceOf(request)), now())
    if (wait > 0) this.#limit(response, "address", wait)
    else this.#answer(response, wrongMethod(method), "wrong method")
  }

  #turnAway(request: IncomingMessage, response: ServerResponse): void {
    const isForwarded =
      request.headers["x-forwarded-for"] !== undefined || request.headers.forwarded !== undefined
    const hint = isForwarded ? "; it forwards for others: is it a proxy that ENS_TRUSTED_PROXIES lacks?" : ""
    const detail = `from ${this.#parts.limits.sourceOf(request)}${hint}`
    this.#answer(response, FOREIGN_SOURCE, "foreign source", detail, true)
  }

  /** Bare, and before the body: who floods us gets no more of our time. */
  #limit(response: ServerResponse, limit: "address" | "failed", wait: number, detail?: string): void {
    this.#parts.limits.refused(limit)
    this.#answer(response, tooMany(wait), "limited", detail, true)
  }

  /**
   * How long, in milliseconds, a forged callback's source has to wait for its next one; 0: this one is taken. The guard
   * counts those that are refused, too: a mistake of ours that makes all of Exchange's callbacks look forged must stay a mass
   * to it, or the few that pass the limit would be answered `Unsubscribe`.
   */
  #limited(source: string, suspect: string): number {
    const { guard, limits, now } = this.#parts
    const at = now()
    const key = limits.keyOf(source)
    const wait = Math.max(limits.failed.take(key, at), limits.address.take(key, at))
    if (wait > 0) guard.suspect(suspect, at)
    return wait
  }

  #read(request: IncomingMessage, response: ServerResponse): void {
    const query = parseCallbackQuery(request.url ?? "") ?? NO_QUERY
    const address = this.#parts.verify(query.id, query.f, query.s)
    const source = this.#parts.limits.sourceOf(request)
    const suspect = address === undefined ? `${query.id}|${source}` : ""
    if (address === undefined) {
      const wait = this.#limited(source, suspect)
      if (wait > 0) return this.#limit(response, "failed", wait, `from ${source}`)
    }
    // Also the body of a forged one is read (and dropped): whoever is answered too early may not see the answer.
    const reader = new BodyReader(request, address !== undefined, this.#ledger, (body) => {
      this.#reading.remove(reader)
      try {
        if (!Buffer.isBuffer(body)) this.#refuse(response, body)
        else if (address === undefined) this.#unsubscribe(response, "forged", suspect, `from ${source}`)
        else {
          vouchFor(request.socket)
          this.#post(response, source, address, query.f, body)
        }
      } catch (fault) {
        this.#fail(response, fault)
      }
    })
    this.#reading.add(reader)
    reader.start()
  }

  #post(response: ServerResponse, source: string, address: CallbackAddress, f: string, body: Buffer): void {
    const { heldMax, now, post, pressure, read } = this.#parts
    const { user } = address
    // Whoever has got hold of a URL keeps nobody's others out with it, also not those of the user's next subscription,
    // and has none of his bodies parsed meanwhile, which costs more than all the rest.
    if (this.#urls.size > 0 && this.#isCrowded(urlOf(user, address.generation), source)) {
      return this.#answer(response, CROWDED, "crowded", `user ${user}`)
    }
    const notification = read(body)
    if (Either.isLeft(notification)) {
      this.#answer(response, UNUSABLE, "unusable", `user ${user}: ${notification.left.reason}`)
      return
    }
    if (isWork(notification.right) && refusesWork(pressure(), this.inHand)) {
      return this.#answer(response, SHED, "shed")
    }
    const hurried = this.#sources.of(source) >= heldMax
    const callback = new ArrivedCallback(notification.right, address, f, hurried)
    const held = new HeldCallback(response, source, user, callback, now())
    try {
      post(user, callback, (reply) => this.#settle(held, reply))
      // An idle actor has answered a heartbeat by now.
      if (!held.answered) this.#hold(held)
    } catch (fault) {
      if (this.#release(held)) this.#fail(response, fault, callback.activityId)
    }
  }

  #hold(held: HeldCallback): void {
    this.#waiting.add(held)
    this.#sources.enter(held.source)
    const url = urlOf(held.user, held.callback.generation)
    this.#urls.enter(url)
    this.#urls.enter(this.#sourceOf(url, held.source))
  }

  #leave({ callback, source, user }: HeldCallback): void {
    this.#sources.leave(source)
    const url = urlOf(user, callback.generation)
    this.#urls.leave(url)
    this.#urls.leave(this.#sourceOf(url, source))
  }

  #isCrowded(url: string, source: string): boolean {
    return (
      this.#urls.of(url) >= HELD_PER_URL ||
      this.#urls.of(this.#sourceOf(url, source)) >= HELD_PER_URL_AND_SOURCE
    )
  }

  #sourceOf(url: string, source: string): string {
    return `${url} ${this.#parts.limits.keyOf(source)}`
  }

  #settle(held: HeldCallback, reply: ReplyOf<Callback> | Unavailable): void {
    // The deadline may have answered already.
    if (!this.#release(held)) return
    this.#measure(held, typeof reply === "string" ? undefined : reply.reason)
    const role = this.#parts.role()
    if (reply === "Ok" && role !== "standby") this.#answer(held.response, OK, "ok")
    else if (reply === "Retry") this.#answer(held.response, RETRY, "retry")
    else if (typeof reply !== "string") this.#answer(held.response, UNAVAILABLE[reply.reason], "unavailable")
    // What it rests on may be outdated.
    else if (role !== "active") this.#answer(held.response, STANDBY, "unavailable")
    else if (reply === "Unsubscribe") this.#answer(held.response, UNSUBSCRIBE, "unsubscribe")
    else if (reply === "Unknown") this.#unsubscribe(held.response, "unknown", held.user, `user ${held.user}`)
  }

  #measure({ began, callback }: HeldCallback, failure?: string): void {
    const { now, record } = this.#parts
    const ended = now()
    callbackSeconds.unsafeUpdate((ended - began) / 1000, [])
    // A heartbeat has no activity, and no trace.
    const activityId = callback.knownActivityId
    if (record === undefined || activityId === undefined) return
    record({
      name: "callback",
      kind: "server",
      activityId,
      isRoot: true,
      began,
      ended,
      failure,
      attributes: {}
    })
  }

  #release(held: HeldCallback): boolean {
    if (held.answered) return false
    held.answered = true
    if (this.#waiting.remove(held)) this.#leave(held)
    return true
  }

  /** An `Unsubscribe` that the mass guard may withhold; `key` tells suspects apart. */
  #unsubscribe(response: ServerResponse, outcome: "forged" | "unknown", key: string, detail: string): void {
    const { guard, now } = this.#parts
    if (this.#parts.role() !== "active") this.#answer(response, STANDBY, "unavailable")
    else if (guard.suspect(key, now())) this.#answer(response, WITHHELD, "withheld", detail)
    else this.#answer(response, UNSUBSCRIBE, outcome, detail)
  }

  #refuse(response: ServerResponse, trouble: BodyTrouble): void {
    if (trouble === "aborted") this.#parts.counts.count("gone")
    else if (trouble === "too large") this.#answer(response, TOO_LARGE, "too large", undefined, true)
    else if (!this.#parts.isOpen()) this.#answer(response, DRAINING, "draining")
    else this.#answer(response, SLOW, "slow", undefined, true)
  }

  /** A bug. Exchange gets 503, because what it sent must not be lost; the fault's own text may hold anything. */
  #fail(response: ServerResponse, fault: unknown, activityId?: string): void {
    const kind = fault instanceof Error ? fault.name : typeof fault
    this.#answer(response, FAULT, "failed", `${kind} ${activityId ?? ""}`)
  }

  #answer(
    response: ServerResponse,
    answer: CallbackAnswer,
    outcome: CallbackOutcome,
    detail?: string,
    close = !this.#parts.isOpen()
  ): void {
    this.#parts.counts.count(send(response, answer, close) ? outcome : "gone", detail)
  }
}

const isWork = (notification: EwsNotification): boolean =>
  notification._tag === "Error" || !isHeartbeat(notification.events)

/** In place of one that cannot be read: it has the same work as any other that is not ours. */
const NO_QUERY = { id: "", f: "", s: "" }

const urlOf = (user: UserNumber, generation: number): string => `${user}/${generation}`
