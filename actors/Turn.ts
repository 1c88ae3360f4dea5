import type { CallbackReply, DeviceReply } from "../schemas/SubscriptionMessage.ts"
import type { Command, JobId, LogEvent, Waiter } from "./SubscriptionProtocol.ts"
import type { Env, State } from "./SubscriptionState.ts"

/** One decision in the making: the next state, and the commands so far. Never leaves `decide`. */
export class Turn {
  #state: State
  /** The state is a copy of this turn's own: nobody else has it yet, and further changes go into it. */
  #isOwn = false
  readonly env: Env
  readonly commands: Array<Command> = []

  constructor(state: State, env: Env) {
    this.#state = state
    this.env = env
  }

  /** As decided so far. To be read, not kept: the next `set` may change it. */
  get state(): State {
    return this.#state
  }

  get now(): number {
    return this.env.now
  }

  set(patch: Partial<State>): void {
    if (!this.#isOwn) this.#state = { ...this.#state }
    this.#isOwn = true
    Object.assign(this.#state, patch)
  }

  do(command: Command): void {
    this.commands.push(command)
  }

  reply(waiter: Waiter, reply: CallbackReply | DeviceReply | number): void {
    if (waiter !== 0) this.do({ _tag: "Reply", waiter, reply })
  }

  replyAll(waiters: ReadonlyArray<Waiter>, reply: CallbackReply | number): void {
    for (const waiter of waiters) this.reply(waiter, reply)
  }

  log(event: LogEvent, activityId?: string, subscriptionId?: string): void {
    this.do({ _tag: "Log", event, activityId, subscriptionId })
  }

  /** The number of a job about to start. */
  nextJob(): JobId {
    const job = this.state.jobs + 1
    this.set({ jobs: job })
    return job
  }

  /** Enters a link state and has it written. */
  link(link: State["link"]): void {
    this.set({ link, linkSince: this.now, nudges: 0 })
    this.do({ _tag: "NoteLink" })
  }
}
