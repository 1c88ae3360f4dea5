import { Cause, Clock, Effect, Exit, Schedule } from "effect"
import type { CallbackSeal } from "../layers/crypto/CallbackSeal.ts"
import type { MasterKey } from "../layers/crypto/MasterKey.ts"
import type { ServiceKeys } from "../layers/crypto/ServiceKeys.ts"
import type { Autodiscover } from "../layers/ews/Autodiscover.ts"
import type { EndpointPolicy } from "../layers/ews/EndpointPolicy.ts"
import type { Ews } from "../layers/ews/Ews.ts"
import type { Ownership } from "../layers/ownership/Ownership.ts"
import type { Push } from "../layers/push/Push.ts"
import { Storage } from "../layers/storage/Storage.ts"
import type { DoneSpan } from "../layers/telemetry/Spans.ts"
import type { Generation, UserNumber } from "../schemas/Ids.ts"
import type { Settings } from "../schemas/Settings.ts"
import type { StorageError } from "../schemas/StorageError.ts"
import { CallbackPace } from "./CallbackPace.ts"
import type { Callers } from "./Callers.ts"
import type { Cell } from "./Cell.ts"
import { Dossiers } from "./Dossiers.ts"
import type { HistoryShape } from "./History.ts"
import { announceJob } from "./jobs/AnnounceJob.ts"
import { consultJob } from "./jobs/ConsultJob.ts"
import { removeUserJob } from "./jobs/DeadDevices.ts"
import { lookJob, unregisterJob, updateTokenJob } from "./jobs/DeviceJobs.ts"
import { fetchJob } from "./jobs/FetchJob.ts"
import { logJob } from "./jobs/LogJob.ts"
import { namedDossier } from "./jobs/NamedDossier.ts"
import { calledBackJob } from "./jobs/NeverCalledBackJob.ts"
import { registerJob } from "./jobs/RegisterJob.ts"
import { renewJob } from "./jobs/RenewJob.ts"
import { retireKeysJob } from "./jobs/RetireKeysJob.ts"
import { NOTABLE } from "./LinkChange.ts"
import type { LinkTally } from "./LinkTally.ts"
import { now } from "./Now.ts"
import type { NudgeGate } from "./NudgeGate.ts"
import type { ReformPace } from "./ReformPace.ts"
import type { Kept } from "./Resting.ts"
import type { Message } from "./SubscriptionActor.ts"
import type { Command, Input, JobId } from "./SubscriptionProtocol.ts"
import type { State } from "./SubscriptionState.ts"
import type { Supervisor } from "./Supervisor.ts"
import type { UserGate } from "./UserGate.ts"
import type { WriteBehind } from "./WriteBehind.ts"

/** Readings of storage for callbacks of other generations than the live one, per user and minute; the next ones are to come again. */
const CONSULTS = 60
/** Lines in the log about a user's subscription, per minute; real ones have some a day. */
const LINES = 60

const askAgain: Effect.Effect.Success<ReturnType<typeof consultJob>> = { verdict: "Retry", stored: undefined }

/** What jobs need. */
export type JobServices =
  | Settings
  | Storage
  | Ownership
  | MasterKey
  | ServiceKeys
  | CallbackSeal
  | Autodiscover
  | EndpointPolicy
  | Ews
  | Push
  | Dossiers
  | UserGate

/** Carries out what `decide` commands, for any cell. */
export class CommandRunner {
  readonly #supervisor: Supervisor<Kept, Message, JobServices>
  readonly #callers: Callers
  readonly #writeBehind: WriteBehind["Type"]
  readonly #nudges: NudgeGate["Type"]
  readonly #pace: ReformPace
  readonly #history: HistoryShape
  readonly #links: LinkTally
  readonly #record: ((span: DoneSpan) => void) | undefined
  readonly #consults = new CallbackPace(CONSULTS)
  readonly #lines = new CallbackPace(LINES)

  constructor(
    supervisor: Supervisor<Kept, Message, JobServices>,
    callers: Callers,
    writeBehind: WriteBehind["Type"],
    nudges: NudgeGate["Type"],
    pace: ReformPace,
    history: HistoryShape,
    links: LinkTally,
    record: ((span: DoneSpan) => void) | undefined
  ) {
    this.#supervisor = supervisor
    this.#callers = callers
    this.#writeBehind = writeBehind
    this.#nudges = nudges
    this.#pace = pace
    this.#history = history
    this.#links = links
    this.#record = record
  }

  run(cell: Cell<Kept, Message>, state: State, command: Command): void {
    const { user } = state
    switch (command._tag) {
      case "Reply":
        return this.#callers.settle(cell, command.waiter, command.reply)
      case "Note":
        if (!command.soon) this.#history.note(user, "heartbeat", "")
        return this.#writeBehind.note(state, command.watermark, command.soon)
      case "NoteLink":
        return this.#writeBehind.noteLink(state)
      case "Nudge":
        return this.#nudges.ask(user, state.endpoint, command.reason, state.nudges === 1, command.since)
      case "Revived":
        return this.#nudges.revived(user, state.endpoint, command.heard)
      case "Fetch":
        return this.#startNamed(
          cell,
          this.#traced("fetch", command.activityId, fetchJob(user, command)),
          command.job,
          (result) => ({ _tag: "Fetched", job: command.job, result }),
          command.until
        )
      case "Announce":
        return this.#startNamed(
          cell,
          this.#traced("announce", command.activityId, announceJob(user, command)),
          command.job,
          (result) => ({ _tag: "Announced", job: command.job, result }),
          command.until
        )
      case "Desk":
        return this.#start(
          cell,
          serve(user, command),
          { activityId: command.request.activityId, job: command.job },
          (result) => ({ _tag: "Desked", job: command.job, result })
        )
      case "Renew":
        this.#pace.spend()
        return this.#start(cell, renewJob(user, command), command, (result) => ({
          _tag: "Renewed",
          job: command.job,
          result
        }))
      case "Remove":
        return this.#start(cell, removeUserJob(user), { job: command.job }, (gone) => ({
          _tag: "Removed",
          job: command.job,
          gone
        }))
      case "Consult": {
        const { callback, suspicion, waiter } = command
        const consulted = this.#consults.take(user, this.#supervisor.now())
          ? consultJob(user, callback)
          : Effect.succeed(askAgain)
        return this.#start(cell, consulted, callback, (answer) => ({
          _tag: "Consulted",
          waiter,
          callback,
          suspicion,
          ...answer
        }))
      }
      case "Look":
        return this.#start(cell, lookJob(user, command.deviceToken), {}, (known) => ({
          _tag: "Looked",
          waiter: command.waiter,
          known
        }))
      case "Adopt":
        return this.#keep(cell, "adopt", (storage) =>
          storage.adopt(user, command.generation as Generation, command.subscriptionId ?? null)
        )
      case "Refuse":
        return this.#keep(cell, "refuse", (storage) =>
          storage.saveRefused(user, command.generation as Generation)
        )
      case "DeadLetter":
        return this.#keep(cell, "dead letter", (storage) =>
          Effect.flatMap(now, (at) =>
            storage.addDeadLetter({ user, digest: command.key.toString(16), reason: "crashes the actor", at })
          )
        )
      case "RetireKeys":
        return this.#supervisor.runJob(cell, retireKeysJob(user), nothing)
      case "Log": {
        const kind = NOTABLE.get(command.event)
        if (!this.#lines.take(user, this.#supervisor.now())) return
        if (kind !== undefined) this.#history.note(user, kind, command.event)
        return this.#supervisor.runJob(
          cell,
          annotated(user, command.activityId, logJob(user, command)),
          nothing
        )
      }
      case "Stop":
        this.#writeBehind.forget(user)
        this.#links.leave(state)
        if (state.endpoint !== 0) this.#nudges.left(state.endpoint)
        return this.#supervisor.stop(cell)
    }
  }

  /** A callback has ended that nothing was heard of the user's subscription. */
  calledBack(cell: Cell<Kept, Message>): void {
    this.#supervisor.runJob(cell, calledBackJob(cell.id as UserNumber), nothing)
  }

  #traced<A, R>(name: string, activityId: string | undefined, job: Effect.Effect<A, never, R>) {
    const record = this.#record
    if (record === undefined || activityId === undefined) return job
    return Effect.flatMap(Clock.currentTimeMillis, (began) =>
      Effect.onExit(job, (exit) =>
        Effect.map(Clock.currentTimeMillis, (ended) => {
          const failure = Exit.isSuccess(exit) ? undefined : "died"
          record({ name, kind: "internal", activityId, began, ended, failure, attributes: {} })
        })
      )
    )
  }

  /** A job whose result the actor waits for. Dying is not a result: it crashes the actor. */
  #start<A>(
    cell: Cell<Kept, Message>,
    work: Effect.Effect<A, never, JobServices>,
    { activityId, job }: { readonly activityId?: string; readonly job?: JobId },
    toInput: (result: A) => Input
  ): void {
    this.#startNamed(cell, annotated(cell.id as UserNumber, activityId, work), job, toInput)
  }

  /** The same for one that reads the user's dossier anyway, and names its log lines then. */
  #startNamed<A>(
    cell: Cell<Kept, Message>,
    work: Effect.Effect<A, never, JobServices>,
    job: JobId | undefined,
    toInput: (result: A) => Input,
    until?: number
  ): void {
    this.#supervisor.runJob(
      cell,
      work,
      (exit) =>
        Exit.isSuccess(exit) ? toInput(exit.value) : { _tag: "Died", job, defect: Cause.squash(exit.cause) },
      until
    )
  }

  /** Something that storage must learn, though nobody waits for it. */
  #keep(
    cell: Cell<Kept, Message>,
    what: string,
    write: (storage: Storage["Type"]) => Effect.Effect<void, StorageError>
  ): void {
    const job = Effect.flatMap(Storage, write).pipe(
      Effect.retry(Schedule.intersect(Schedule.exponential("1 second"), Schedule.recurs(6))),
      Effect.zipRight(Effect.flatMap(Dossiers, (dossiers) => dossiers.forget(cell.id as UserNumber))),
      Effect.catchAll((error) => Effect.logError(`storage did not take: ${what}`, { reason: error.message }))
    )
    this.#supervisor.runJob(cell, annotated(cell.id as UserNumber, undefined, job), nothing)
  }
}

const serve = (user: UserNumber, command: Extract<Command, { readonly _tag: "Desk" }>) => {
  const { request } = command
  switch (request._tag) {
    case "Register":
      return registerJob(user, request, command)
    case "Unregister":
      return unregisterJob(user, request)
    case "UpdateDeviceToken":
      return updateTokenJob(user, request)
  }
}

/** Log lines of a job name the hashed user and the activity. */
const annotated = <A, E, R>(
  user: UserNumber,
  activityId: string | undefined,
  job: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | Dossiers> =>
  Effect.flatMap(Dossiers, (dossiers) => Effect.ignore(namedDossier(dossiers, user, activityId))).pipe(
    Effect.zipRight(job)
  )

const nothing = (): Message => ({ _tag: "Nothing" })
