import { Effect, Option } from "effect"
import { ServiceKeys } from "../layers/crypto/ServiceKeys.ts"
import { Storage } from "../layers/storage/Storage.ts"
import { Spans } from "../layers/telemetry/Spans.ts"
import type { UserNumber } from "../schemas/Ids.ts"
import { Settings } from "../schemas/Settings.ts"
import type { Behaviour } from "./Behaviour.ts"
import { Callers, type Envelope } from "./Callers.ts"
import type { Cell } from "./Cell.ts"
import { CommandRunner, type JobServices } from "./CommandRunner.ts"
import { History } from "./History.ts"
import { linkChange } from "./LinkChange.ts"
import { LinkTally } from "./LinkTally.ts"
import { makeLogLine } from "./LogLine.ts"
import { digestEvents } from "./MailEvents.ts"
import { nowOf } from "./Now.ts"
import { NudgeGate } from "./NudgeGate.ts"
import { ReformPace } from "./ReformPace.ts"
import { type Kept, rest, rouse } from "./Resting.ts"
import { decide } from "./Subscription.ts"
import { formOf } from "./SubscriptionForm.ts"
import type { Input, JobId, Suspicion, Waiter } from "./SubscriptionProtocol.ts"
import { type Env, fromStored, openGap, type State, unsubscribed } from "./SubscriptionState.ts"
import { dueAt } from "./SubscriptionTimes.ts"
import type { Supervisor } from "./Supervisor.ts"
import { whereabouts } from "./Whereabouts.ts"
import { WriteBehind } from "./WriteBehind.ts"

/** What waits in an actor's mailbox: a request with the way back for its reply, or what a job came to. */
export type Message =
  | Envelope
  | Input
  | { readonly _tag: "Died"; readonly job: JobId | undefined; readonly defect: unknown }
  | { readonly _tag: "Nothing" }

export type SubscriptionCell = Cell<Kept, Message>

const JOBS_OF_A_TURN = 100

/** After a start so many times more silent subscriptions are noticed a second than devices are asked. */
const NOTICED = 10

/** A timer that is due again at once must not keep the process busy. */
const LEAST_PAUSE = 10

/** After that a restart goes on with what memory knows. */
const WRITTEN_WITHIN = "5 seconds"

/**
 * The shell around `decide`: gives each message to it, carries out what it commands, and keeps who waits for a reply.
 * A defect anywhere crashes the actor: everyone who waits is told to try again, and a callback that was in hand is
 * handled with less and less ambition (`Suspicion`) when Exchange repeats it.
 */
export const makeBehaviour = Effect.gen(function* () {
  const settings = yield* Settings
  const storage = yield* Storage
  const writeBehind = yield* WriteBehind
  const nudges = yield* NudgeGate
  const clock = yield* Effect.clock
  const log = yield* makeLogLine
  const history = yield* History
  const { record } = yield* Spans
  const links = new LinkTally()
  // Behind the supervisor's end.
  yield* Effect.addFinalizer(() => Effect.sync(() => links.clear()))
  const callers = new Callers()
  const time = Effect.sync(() => nowOf(clock))
  /** Actors between their loading and their new life. */
  const restarting = new Set<string>()
  const pace = new ReformPace(settings.renewRate, nowOf(clock))
  const keys = yield* ServiceKeys
  const env: { -readonly [Field in keyof Env]: Env[Field] } = {
    heartbeatCheck: settings.heartbeatCheckMinutes * 60_000,
    statusFrequency: settings.statusFrequencyMinutes * 60_000,
    callbackDeadline: settings.callbackDeadline,
    listeningSince: nowOf(clock),
    spread: 0,
    form: formOf(settings, keys.form),
    hasOldMacs: keys.callbackMac.versions > 1,
    userKeyMaxAge: settings.userKeyMaxAge ?? Number.POSITIVE_INFINITY,
    mayReform: false,
    now: 0
  }

  return (supervisor: Supervisor<Kept, Message, JobServices>): Behaviour<Kept, Message> => {
    const commands = new CommandRunner(supervisor, callers, writeBehind, nudges, pace, history, links, record)

    const apply = (cell: SubscriptionCell, input: Input, now: number): void => {
      const before = stateOf(cell)
      if (before === undefined) throw new Error("an actor without state got a message")
      // Whole milliseconds: they are stored.
      env.now = Math.floor(now)
      env.mayReform = pace.allows(now)
      const { state, commands: todo } = decide(before, input, env)
      cell.state = rest(state)
      links.changed(before, state)
      if (before.link !== state.link) {
        history.note(state.user, "state", linkChange(before, state, todo))
        if (state.link === "Active" && input._tag === "Callback") commands.calledBack(cell)
      }
      if (before.endpoint !== state.endpoint) moved(before.endpoint, state.endpoint)
      for (const command of todo) commands.run(cell, state, command)
      // A heartbeat only moves the time: the timer finds that out when it fires.
      const due = dueAt(state, env)
      if (!cell.armed || due < dueAt(before, env)) arm(cell, due, now)
    }

    const arm = (cell: SubscriptionCell, due: number, now: number): void =>
      due === Number.POSITIVE_INFINITY
        ? supervisor.disarm(cell)
        : supervisor.arm(cell, Math.max(due, now + LEAST_PAUSE))

    const moved = (from: number, to: number): void => {
      if (from === to) return
      if (from !== 0) nudges.left(from)
      if (to !== 0) nudges.joined(to)
    }

    return {
      load: (id, kept) => {
        const user = id as UserNumber
        const lastGood = kept && rouse(user, kept)
        return Effect.map(reload(storage, writeBehind, user, lastGood, time), (state) => {
          if (links.loaded(id, lastGood, state) && state !== undefined) {
            history.note(user, "state", `${state.link}: its actor has started again`)
          }
          if (lastGood !== undefined) {
            // Its host counts it already.
            restarting.add(id)
            moved(lastGood.endpoint, state?.endpoint ?? 0)
          }
          return state && rest(state)
        })
      },
      started: (cell, now) => {
        const state = stateOf(cell)
        if (state === undefined) return
        if (!restarting.delete(cell.id)) {
          links.enter(state)
          moved(0, state.endpoint)
        }
        env.now = Math.floor(now)
        env.spread = (supervisor.count() * 1000) / (settings.renewRate * NOTICED)
        arm(cell, dueAt(state, env), now)
      },
      receive: (cell, message, now) => {
        if (message._tag === "Nothing") return
        if (message._tag === "Died") {
          if (isStale(stateOf(cell), message.job)) return
          throw message.defect
        }
        if (message._tag !== "Envelope") return apply(cell, message, now)
        const waiter = callers.open(message)
        const suspicion = suspicionOf(callers, cell, message)
        try {
          apply(cell, inputOf(message, waiter, suspicion), now)
        } catch (defect) {
          // The crash is dealt with a moment later, when other actors may have had their turn.
          callers.keep(cell)
          throw defect
        }
        if (!callers.keep(cell) && suspicion !== "none") callers.absolve(cell, keyOf(message))
      },
      due: (cell, now) => apply(cell, { _tag: "Due" }, now),
      crashed: (cell, message, defect) => {
        callers.suspect(cell, keysInHand(stateOf(cell), message))
        callers.refuseAll(cell, "crashed")
        log(cell.id as UserNumber, "error", "an actor crashed and starts again", undefined, {
          where: whereabouts(defect)
        })
      },
      refuse: (cell, message, reason) => {
        if (message._tag === "Envelope") return callers.refuse(message, reason)
        // The result of a job: whoever waited for it gets none.
        callers.refuseAll(cell, reason)
      },
      // A round may rest, with nothing under way for it.
      stopped: (cell) => callers.refuseWaiting(cell, "draining"),
      parked: (cell) => {
        links.parked(cell.id, stateOf(cell))
        history.note(
          cell.id as UserNumber,
          "state",
          "Parked: its actor keeps crashing; tried again in 15 min"
        )
        callers.refuseAll(cell, "parked")
        log(
          cell.id as UserNumber,
          "error",
          "an actor keeps crashing and is parked; it is tried again in 15 min"
        )
      }
    }
  }
})

const stateOf = ({ id, state }: SubscriptionCell): State | undefined =>
  state && rouse(id as UserNumber, state)

/** State for a life that begins: from storage, which gets to know first what is still to be written. */
const reload = (
  storage: Storage["Type"],
  writeBehind: WriteBehind["Type"],
  user: UserNumber,
  lastGood: State | undefined,
  time: Effect.Effect<number>
): Effect.Effect<State | undefined> =>
  Effect.gen(function* () {
    const written = lastGood === undefined || (yield* writeBehind.flushUser(user, WRITTEN_WITHIN))
    if (!written) return rested(lastGood, lastGood)
    const row = yield* storage.subscription(user)
    const now = yield* time
    if (Option.isSome(row)) return rested(fromStored(row.value, now), lastGood)
    const owner = yield* storage.user(user)
    return Option.isSome(owner) ? rested(unsubscribed(user, now, owner.value.refused), lastGood) : undefined
  }).pipe(
    Effect.catchAll((error) =>
      lastGood === undefined ? Effect.die(error) : Effect.succeed(rested(lastGood, lastGood))
    )
  )

/** Nothing is under way, and what only memory knew is kept: job numbers above all, so that late results are told apart. */
export const rested = (state: State, lastGood: State | undefined): State => {
  const { work, next, desk, queue, jobs, renewal } = unsubscribed(state.user, state.lastHeard)
  const idle = { ...state, work, next, desk, queue, jobs, renewal }
  if (lastGood === undefined) return idle
  const { attempted, inbox, inboxRead, backlog, blocked, refused, rejected, subscribedAt, tokenNoticed } =
    lastGood
  const { hearsay, reformedAt, searchedAt, spent } = lastGood
  return {
    ...idle,
    gapSince: openGap(lastGood),
    reformedAt,
    searchedAt,
    spent,
    hearsay,
    blocked,
    // A turn that crashed half-way may have started jobs under numbers that its state did not keep.
    jobs: lastGood.jobs + JOBS_OF_A_TURN,
    attempted: Math.max(state.attempted, attempted),
    refused: Math.max(state.refused, refused),
    rejected: Math.max(state.rejected, rejected),
    inbox,
    inboxRead,
    // What a job that crashed has put there, nobody remembers.
    backlog: backlog || undefined,
    subscribedAt,
    tokenNoticed
  }
}

const inputOf = ({ request }: Envelope, waiter: Waiter, suspicion: Suspicion): Input => {
  switch (request._tag) {
    case "Callback":
      return { _tag: "Callback", waiter, callback: request, suspicion }
    case "GetStatus":
      return { _tag: "Status", waiter, request }
    case "FlushOutbox":
      return { _tag: "Flush", waiter, request }
    default:
      return { _tag: "Desk", waiter, request }
  }
}

const suspicionOf = (callers: Callers, cell: SubscriptionCell, envelope: Envelope): Suspicion =>
  envelope.request._tag === "Callback" && callers.suspects(cell)
    ? callers.suspicion(cell, keyOf(envelope))
    : "none"

const keyOf = ({ request }: Envelope): number =>
  request._tag === "Callback" ? digestEvents(request.events, 0).key : 0

/** The callbacks that may be the reason of a crash: the one just taken, or those whose job it was. */
const keysInHand = (state: State | undefined, message: Message | undefined): ReadonlyArray<number> => {
  if (message?._tag === "Envelope") return message.request._tag === "Callback" ? [keyOf(message)] : []
  if (state === undefined) return []
  const { work } = state
  // No message: the timer, which ends a rest.
  if (message === undefined) return work._tag === "Resting" ? work.round.keys : []
  if (!("job" in message)) return []
  const isRound = (work._tag === "Fetching" || work._tag === "Pushing") && work.job === message.job
  return isRound ? work.round.keys : []
}

/** A job of an earlier life, or of work that was given up: nobody waits for it any more. */
const isStale = (state: State | undefined, job: JobId | undefined): boolean => {
  if (state === undefined || job === undefined) return false
  const { desk, work } = state
  return (!("job" in work) || work.job !== job) && (desk._tag === "Free" || desk.job !== job)
}
