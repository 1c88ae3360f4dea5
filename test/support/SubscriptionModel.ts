import { Redacted } from "effect"
import { allowedAt, RENEW_CALLS } from "../../actors/Allowance.ts"
import type { AnnounceResult, DeskResult, EnrolResult, FetchResult } from "../../actors/JobResults.ts"
import { itemEntry } from "../../actors/Ledger.ts"
import { sift } from "../../actors/News.ts"
import { decide } from "../../actors/Subscription.ts"
import { rested } from "../../actors/SubscriptionActor.ts"
import type { Command, Input, Waiter } from "../../actors/SubscriptionProtocol.ts"
import { type Env, type State, unsubscribed } from "../../actors/SubscriptionState.ts"
import { dueAt } from "../../actors/SubscriptionTimes.ts"
import type { EwsEvent } from "../../schemas/EwsMessage.ts"
import type {
  ActivityId,
  DeviceNumber,
  Generation,
  ItemId,
  SubscriptionId,
  UserNumber,
  Watermark
} from "../../schemas/Ids.ts"
import { Callback, FlushOutbox, GetStatus, Register, Unregister } from "../../schemas/SubscriptionMessage.ts"

/** What may happen to a subscription; numbers pick among what is there. */
export type Step =
  | {
      readonly _tag: "Callback"
      readonly generation: "live" | "older" | "newer" | "subscribing"
      readonly id: "own" | "other" | "none"
      readonly events: ReadonlyArray<{ readonly kind: EwsEvent["kind"]; readonly item: number }>
      readonly unread: number | undefined
      readonly isError: boolean
      readonly suspicion: "none" | "generic" | "poison"
      /** Where it says that the one before it ended. */
      readonly previous: "unsaid" | "nowhere"
      readonly hurried: boolean
    }
  | { readonly _tag: "Register"; readonly force: boolean; readonly bearer: boolean; readonly move: boolean }
  | { readonly _tag: "Unregister" }
  | { readonly _tag: "Status" }
  | { readonly _tag: "Flush" }
  | { readonly _tag: "Answer"; readonly pick: number; readonly outcome: number; readonly unread: number }
  /** A result that came before comes again, or that of a job which nobody waits for. */
  | { readonly _tag: "AnswerAgain"; readonly pick: number; readonly outcome: number }
  | { readonly _tag: "Pass"; readonly ms: number }
  | { readonly _tag: "Due" }
  | { readonly _tag: "Crash" }
  /** The process starts again with other settings, or is allowed to renew what works. */
  | { readonly _tag: "Settings"; readonly form: number; readonly mayReform: boolean }

type Job =
  | Extract<Command, { readonly job: number }>
  | Extract<Command, { readonly _tag: "Consult" | "Look" }>

const activityId = "activity" as ActivityId
const URL = "https://mail.example.com/EWS/Exchange.asmx"
const itemOf = (n: number) => `item-${n}` as ItemId
const idOf = (generation: number) => `subscription-of-${generation}` as SubscriptionId

/** The shell's part in miniature: who waits, which jobs run, what time it is. Throws at the first broken promise. */
export class SubscriptionModel {
  state: State
  readonly env: { -readonly [Field in keyof Env]: Env[Field] }
  stopped = false
  /** Mails that were handed to a gateway, and looks for missed ones, for tests that want to know whether they tested anything. */
  announcements = 0
  searches = 0
  #waiters = 0
  readonly #open = new Set<Waiter>()
  #jobs: Array<Job> = []
  readonly #past: Array<Job> = []
  readonly #settled = new Set<ItemId>()
  #lastJob = 0
  #searchedAt = Number.NEGATIVE_INFINITY
  #reformedAt = Number.NEGATIVE_INFINITY
  #lastGeneration = 0
  #events = 0

  constructor() {
    const now = 1_760_000_000_000
    this.env = {
      heartbeatCheck: 30 * 60_000,
      statusFrequency: 15 * 60_000,
      callbackDeadline: 10_000,
      listeningSince: now,
      spread: 0,
      form: 1,
      userKeyMaxAge: 86_400_000,
      mayReform: true,
      now
    }
    this.state = unsubscribed("1" as UserNumber, now)
  }

  get unanswered(): number {
    return this.#open.size
  }

  take(step: Step): void {
    if (this.stopped) return
    switch (step._tag) {
      case "Callback":
        return this.#callback(step)
      case "Register":
        return void this.#feed({ _tag: "Desk", waiter: this.#waiter(), request: register(step) })
      case "Unregister":
        return void this.#feed({
          _tag: "Desk",
          waiter: this.#waiter(),
          request: Unregister.make({ activityId, deviceToken: "phone", ewsUrl: undefined })
        })
      case "Status":
        return void this.#feed({
          _tag: "Status",
          waiter: this.#waiter(),
          request: GetStatus.make({ activityId, deviceToken: "phone" })
        })
      case "Flush":
        return void this.#feed({
          _tag: "Flush",
          waiter: this.#waiter(),
          request: FlushOutbox.make({ activityId })
        })
      case "Answer": {
        const job = this.#jobs[step.pick % Math.max(1, this.#jobs.length)]
        if (job === undefined) return
        this.#jobs = this.#jobs.filter((other) => other !== job)
        this.#past.push(job)
        return this.#answer(job, step.outcome, step.unread)
      }
      case "AnswerAgain": {
        const job = this.#past[step.pick % Math.max(1, this.#past.length)]
        if (job === undefined || !("job" in job)) return
        const before = this.state
        this.#answer(job, step.outcome, 1)
        if (this.state !== before) throw new Error(`a stale result of a ${job._tag} changed something`)
        return
      }
      case "Pass":
        this.env.now += step.ms
        while (dueAt(this.state, this.env) <= this.env.now) this.#due()
        return
      case "Due":
        return void this.#feed({ _tag: "Due" })
      case "Crash":
        // Everyone who waits is told by the shell; jobs go on and nobody waits for them any more.
        this.#open.clear()
        this.#past.push(...this.#jobs)
        this.#jobs = []
        this.#restart()
        this.#lastJob = this.state.jobs
        return
      case "Settings":
        this.env.form = step.form
        this.env.mayReform = step.mayReform
        return
    }
  }

  /** Lets everything that is under way come to its end. */
  finish(): void {
    for (let i = 0; i < 10_000 && !this.stopped; i++) {
      if (this.#jobs.length > 0) this.take({ _tag: "Answer", pick: 0, outcome: 0, unread: 3 })
      else if (this.state.work._tag === "Resting") this.take({ _tag: "Pass", ms: 4_000 })
      else if (this.state.renewal !== undefined) this.take({ _tag: "Pass", ms: 4_000 })
      else return
    }
    if (!this.stopped) throw new Error("work never ends")
  }

  #restart(): void {
    const owed = owedSince(this.state)
    this.state = rested(this.state, this.state)
    if (owedSince(this.state) !== owed) throw new Error("a crash forgets what may have been missed")
  }

  #due(): void {
    const due = dueAt(this.state, this.env)
    this.#feed({ _tag: "Due" })
    if (dueAt(this.state, this.env) <= due) throw new Error("the timer stays due: a hot loop")
  }

  #waiter(): Waiter {
    this.#waiters += 1
    this.#open.add(this.#waiters)
    return this.#waiters
  }

  #callback(step: Extract<Step, { readonly _tag: "Callback" }>): void {
    const { desk, generation: live } = this.state
    const generation =
      step.generation === "live"
        ? live
        : step.generation === "older"
          ? live - 1
          : step.generation === "newer"
            ? live + 3
            : desk._tag === "Free"
              ? live
              : desk.generation
    if (generation < 1) return
    const waiter = this.#waiter()
    const isOld = generation < live
    const replies = this.#feed({
      _tag: "Callback",
      waiter,
      suspicion: step.suspicion,
      callback: Callback.make({
        activityId,
        generation: generation as Generation,
        subscriptionId:
          step.id === "own"
            ? idOf(generation)
            : step.id === "other"
              ? ("another" as SubscriptionId)
              : undefined,
        previousWatermark: step.previous === "unsaid" ? undefined : ("nowhere" as Watermark),
        events: step.isError ? [] : this.#eventsOf(step),
        errorCode: step.isError ? "ErrorReadEventsFailed" : undefined,
        f: Redacted.make("f"),
        hurried: step.hurried
      })
    })
    const reply = replies.find((command) => command.waiter === waiter)?.reply
    if (isOld && reply !== undefined)
      throw new Error("an old generation was answered without a look at storage")
  }

  #eventsOf({ events, unread }: Extract<Step, { readonly _tag: "Callback" }>): ReadonlyArray<EwsEvent> {
    const base = { timestamp: this.env.now, folderId: undefined, unreadCount: undefined }
    const list: Array<EwsEvent> = events.map(({ item, kind }) => ({
      ...base,
      kind,
      watermark: this.#watermark(),
      itemId: kind === "Status" ? undefined : itemOf(item),
      parentFolderId: "inbox" as ItemId
    }))
    if (unread === undefined) return list
    const folder: EwsEvent = {
      ...base,
      kind: "Modified",
      watermark: this.#watermark(),
      itemId: undefined,
      folderId: "inbox" as ItemId,
      parentFolderId: undefined,
      unreadCount: unread
    }
    return [...list, folder]
  }

  #watermark(): Watermark {
    // Few enough for repeats of the same events.
    this.#events = (this.#events + 1) % 7
    return `w${this.#events}` as Watermark
  }

  #answer(job: Job, outcome: number, unread: number): void {
    switch (job._tag) {
      case "Consult":
        this.#feed({
          _tag: "Consulted",
          waiter: job.waiter,
          callback: job.callback,
          suspicion: job.suspicion,
          stored: undefined,
          verdict:
            outcome % 3 === 1
              ? "Retry"
              : outcome % 3 === 2
                ? "Unknown"
                : job.callback.generation > this.state.generation
                  ? "Adopt"
                  : "Unsubscribe"
        })
        return
      case "Look":
        this.#feed({
          _tag: "Looked",
          waiter: job.waiter,
          known: ([1 as DeviceNumber, false, undefined] as const)[outcome % 3]
        })
        return
      case "Fetch":
        this.#feed({ _tag: "Fetched", job: job.job, result: fetched(job, outcome, unread) })
        return
      case "Announce": {
        const { work } = this.state
        const isAwaited = "job" in work && work.job === job.job
        const result = announced(job, outcome)
        this.#feed({ _tag: "Announced", job: job.job, result })
        if (!isAwaited) return
        for (const { itemId } of job.mails)
          if (result.settled.includes(itemEntry(itemId))) this.#settled.add(itemId)
        return
      }
      case "Desk":
        this.#feed({ _tag: "Desked", job: job.job, result: desked(job, outcome, unread, this.env.now) })
        return
      case "Remove":
        this.#feed({ _tag: "Removed", job: job.job, gone: outcome % 13 === 12 })
        return
      case "Renew":
        this.#feed({
          _tag: "Renewed",
          job: job.job,
          result: enrolled(job, outcome, unread, this.env.now)
        })
        return
    }
  }

  #feed(input: Input): ReadonlyArray<Extract<Command, { readonly _tag: "Reply" }>> {
    const before = this.state
    const { commands, state } = decide(before, input, this.env)
    this.state = state
    if (
      owedSince(before) > 0 &&
      owedSince(state) === 0 &&
      !searchedBy(input, before, this.env.now) &&
      !gone(commands)
    ) {
      throw new Error(`a ${input._tag} forgets what may have been missed`)
    }
    const replies: Array<Extract<Command, { readonly _tag: "Reply" }>> = []
    for (const command of commands) {
      if (command._tag === "Reply") {
        replies.push(command)
        // One that the shell refused at a crash is no longer waited for.
        if (!this.#open.delete(command.waiter) && input._tag !== "Consulted" && input._tag !== "Looked") {
          throw new Error(`waiter ${command.waiter} was answered twice, or never asked`)
        }
      }
      if (command._tag === "Stop") this.#stop()
      if ("job" in command || command._tag === "Consult" || command._tag === "Look") this.#started(command)
    }
    this.#check(before)
    return replies
  }

  /** The shell interrupts what still looks something up, and tells who waits for it. */
  #stop(): void {
    this.stopped = true
    for (const job of this.#jobs) if (!("job" in job)) this.#open.delete(job.waiter)
  }

  #started(job: Job): void {
    this.#jobs.push(job)
    if (!("job" in job)) return
    if (job.job <= this.#lastJob) throw new Error("a job number was used before")
    this.#lastJob = job.job
    if (job._tag === "Fetch" && job.since > 0) {
      this.searches += 1
      if (this.env.now - this.#searchedAt < 5 * 60_000)
        throw new Error("missed mails are looked for too often")
      this.#searchedAt = this.env.now
    }
    const { desk } = this.state
    if (job._tag === "Renew" && desk._tag === "Renewing" && !desk.renewal.broken) {
      if (this.env.now - this.#reformedAt < 60 * 60_000) throw new Error("what works is renewed too often")
      this.#reformedAt = this.env.now
    }
    if ((job._tag === "Desk" || job._tag === "Renew") && job.since > 0) {
      if (this.state.generation === 0) throw new Error("a first registration looks for missed mails")
      if (job.since > this.env.now) throw new Error("missed mails of the future")
    }
    if (job._tag === "Announce") {
      this.announcements += job.mails.length
      const again = job.mails.find(({ itemId }) => this.#settled.has(itemId))
      if (again !== undefined) throw new Error(`${again.itemId} is announced though it is settled`)
      const known = this.state.unread < 0 ? undefined : this.state.unread
      const isFlush = this.state.work._tag === "Flushing" && this.state.inboxRead === 0
      if (job.badge !== (isFlush ? undefined : known))
        throw new Error("a badge that is not the last known count")
    }
    if ((job._tag === "Desk" || job._tag === "Renew") && job.generation > 0) {
      if (job.generation <= this.#lastGeneration) throw new Error("a generation was used before")
      if (job.generation <= this.state.generation) throw new Error("a generation that is not new")
      this.#lastGeneration = job.generation
    }
  }

  #check(before: State): void {
    const { desk, generation, next, queue, work } = this.state
    const fail = (what: string): never => {
      throw new Error(what)
    }
    if (generation < before.generation) fail("the live generation went back")
    if (queue.length > 16) fail("the queue is unbounded")
    if (desk._tag !== "Free" && desk.early.length > 8) fail("early callbacks are unbounded")
    if (desk._tag === "Free" && this.state.renewal !== undefined) {
      const at = allowedAt(this.state.spent, RENEW_CALLS)
      // Only for calls to be allowed again, and the timer comes back to it then.
      if (at <= this.env.now) fail("a renewal waits for nothing")
      if (dueAt(this.state, this.env) > at) fail("a renewal is forgotten")
    }
    if (desk._tag === "Free" && queue.length > 0) fail("devices wait though the desk is free")
    if (work._tag === "Idle" && next !== undefined) fail("a round waits though nothing is in work")
    if (work._tag === "Resting" && next !== undefined) fail("two rounds wait")
    for (const round of [next, "round" in work ? work.round : undefined]) {
      if (round === undefined) continue
      if (round.waiters.length > 16) fail("waiters are unbounded")
      if (round.arrivals.length > 512) fail("arrivals are unbounded")
    }
    if (this.state.ledger.length > 64) fail("the ledger is unbounded")
    if (this.state.blocked.length > 20) fail("blocked devices are unbounded")
    this.#checkTimer()
  }

  /** `Due` has something to do at `dueAt`, and nothing before it, nor ever where there is none. */
  #checkTimer(): void {
    const due = dueAt(this.state, this.env)
    const at = (now: number) => decide(this.state, { _tag: "Due" }, { ...this.env, now })
    if (due === Number.POSITIVE_INFINITY) {
      if (at(this.env.now + 100 * 86_400_000).commands.length > 0)
        throw new Error("something is due without a timer")
      return
    }
    const after = at(due)
    if (after.state === this.state) throw new Error("a timer for nothing")
    if (dueAt(after.state, this.env) <= due) throw new Error("the timer stays due")
    if (at(due - 1).state !== this.state) throw new Error("something is done before it is due")
  }
}

const register = ({ bearer, force, move }: Extract<Step, { readonly _tag: "Register" }>): Register =>
  Register.make({
    activityId,
    device: {
      token: "phone",
      platform: "iOS",
      bundleId: "com.example",
      deviceId: null,
      policy: 1,
      sound: null,
      environment: "production"
    },
    authType: bearer ? "OAuth" : "Basic",
    credentials: Redacted.make(
      bearer ? { address: "a@example.com", accessToken: "t" } : { address: "a@example.com", password: "p" }
    ),
    tokenExpiresAt: null,
    ewsUrl: move ? `${URL}?new` : URL,
    exchangeVersion: undefined,
    force
  })

/** Since when mails may have been missed that nobody has looked for yet; 0 = none. */
const owedSince = ({ gapSince, next, work }: State): number => {
  const all = [gapSince, "round" in work ? work.round.gap : 0, next?.gap ?? 0].filter((since) => since > 0)
  return all.length === 0 ? 0 : Math.min(...all)
}

/** A round that has been searched for remembers its gap until what was found is announced; nothing of it may be left to announce. */
const searchedBy = (input: Input, before: State, now: number): boolean =>
  (input._tag === "Fetched" &&
    (input.result.missed !== undefined || hasNothingLeft(before, input.result, now))) ||
  (input._tag === "Announced" && input.result.kept) ||
  (input._tag === "Due" && hasNothingToTell(before)) ||
  ((input._tag === "Desked" || input._tag === "Renewed") &&
    input.result._tag === "Subscribed" &&
    input.result.missed !== undefined)

/** What was found rests, and has been told of meanwhile. */
const hasNothingToTell = ({ ledger, work }: State): boolean =>
  work._tag === "Resting" &&
  work.round.searched &&
  work.round.arrivals.every(({ itemId }) => ledger.includes(itemEntry(itemId)))

const hasNothingLeft = (state: State, result: FetchResult, now: number): boolean =>
  state.work._tag === "Fetching" &&
  state.work.round.searched &&
  sift(state, state.work.round, result, now).arrivals.length === 0

const gone = (commands: ReadonlyArray<Command>): boolean => commands.some(({ _tag }) => _tag === "Stop")

const mailOf = (itemId: ItemId, isRead = false) => ({
  itemId,
  parentFolderId: "inbox" as ItemId,
  receivedAt: undefined,
  isRead,
  sender: "s",
  subject: "t",
  preview: undefined
})

/** Some that events report as well, and some that they do not. */
const missedSince = (since: number, outcome: number) =>
  since === 0 || outcome % 13 === 6
    ? undefined
    : [outcome % 21, (outcome % 21) + 10].map((n) => mailOf(itemOf(n)))

const complianceOf = (outcome: number): FetchResult["compliance"] =>
  outcome % 17 === 3
    ? { blocked: [1 as DeviceNumber], all: true }
    : outcome % 17 === 4
      ? { blocked: [1 as DeviceNumber], all: false }
      : outcome % 17 === 5
        ? { blocked: [], all: false }
        : undefined

const fetched = (
  { items, since }: Extract<Job, { readonly _tag: "Fetch" }>,
  outcome: number,
  unread: number
): FetchResult => {
  const nothing = {
    mails: undefined,
    elsewhere: [],
    calls: 1,
    missed: undefined,
    unread: undefined,
    compliance: complianceOf(outcome)
  }
  if (outcome % 5 === 1) return { ...nothing, trouble: "rejected" }
  if (outcome % 5 === 2) return { ...nothing, trouble: "other" }
  if (outcome % 5 === 3) return { ...nothing, trouble: "sealed" }
  const mails = items.map((itemId, i) => mailOf(itemId, outcome % 7 === 4 && i === 0))
  const elsewhere = outcome % 11 === 5 ? items.slice(0, 1) : []
  return { ...nothing, mails, elsewhere, missed: missedSince(since, outcome), unread, trouble: undefined }
}

const announced = (job: Extract<Job, { readonly _tag: "Announce" }>, outcome: number): AnnounceResult =>
  outcome % 3 === 1
    ? {
        settled: [],
        doubted: 0,
        uncounted: false,
        kept: false,
        badge: undefined,
        flushed: 0,
        waiting: false,
        deviceless: false
      }
    : {
        settled: job.mails.map(({ itemId }) => itemEntry(itemId)),
        doubted: 0,
        uncounted: false,
        kept: true,
        badge: outcome % 3 === 2 ? undefined : job.badge,
        flushed: job.backlog ? 2 : 0,
        deviceless: false,
        waiting: outcome % 2 === 0
      }

const desked = (
  job: Extract<Job, { readonly _tag: "Desk" }>,
  outcome: number,
  unread: number,
  now: number
): DeskResult => {
  if (job.request._tag === "Unregister") {
    return outcome % 4 === 3
      ? { _tag: "Gone", reply: { code: "DeviceUnregisteredUserUnsubscribed", message: "" } }
      : { _tag: "Answer", reply: { code: "DeviceUnregistered", message: "" }, proven: undefined }
  }
  if (job.generation > 0) return enrolled(job, outcome, unread, now)
  return outcome % 3 === 1
    ? { _tag: "NeedsSubscription" }
    : { _tag: "Answer", reply: { code: "Success", message: "" }, proven: undefined }
}

const enrolled = (
  { generation, since }: Extract<Job, { readonly _tag: "Desk" | "Renew" }>,
  outcome: number,
  unread: number,
  now: number
): EnrolResult =>
  outcome % 4 === 1 || outcome % 4 === 2
    ? {
        _tag: "Failed",
        generation,
        refused: outcome % 4 === 2,
        rejected: outcome % 8 === 5,
        reply: { code: "SubscribeAgain", message: "" }
      }
    : {
        _tag: "Subscribed",
        generation,
        subscriptionId: idOf(generation),
        watermark: undefined,
        unread,
        endpoint: 1,
        tokenExpiresAt: outcome % 4 === 3 ? now + 60 * 60_000 : 0,
        sealedSince: outcome % 7 === 6 ? 1 : now,
        missed: missedSince(since, outcome),
        passed: outcome % 5 === 0 ? [1 as DeviceNumber] : "all",
        reply: { code: "UserSubscribed", message: "" }
      }
