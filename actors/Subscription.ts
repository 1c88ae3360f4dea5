import { onCallback, onConsulted } from "./Callbacks.ts"
import { onDesk, onDesked, onRemoved } from "./Desk.ts"
import { onRenewed } from "./Renewal.ts"
import { onAnnounced, onFetched, onFlush } from "./Rounds.ts"
import { onDue } from "./Silence.ts"
import { onLooked, onStatus } from "./StatusQuery.ts"
import type { Command, Input } from "./SubscriptionProtocol.ts"
import type { Env, State } from "./SubscriptionState.ts"
import { Turn } from "./Turn.ts"

/** What an input leads to. */
export interface Decision {
  readonly state: State
  readonly commands: ReadonlyArray<Command>
}

/**
 * Every rule of a subscription (contract section 3), without effects: what to do about a callback, a device's request, a
 * finished job or the clock. It never waits. Work that takes time is a command; its result comes back as an input that
 * names the job, and a result nobody waits for any more changes nothing.
 *
 * Two things can be under way at once: `work` (callbacks: fetch, then push) and `desk` (devices: register, update,
 * unregister, and renewing). Each does one thing at a time; what comes meanwhile waits, bounded, or joins.
 */
export const decide = (state: State, input: Input, env: Env): Decision => {
  const turn = new Turn(state, env)
  switch (input._tag) {
    case "Callback":
      onCallback(turn, input.waiter, input.callback, input.suspicion)
      break
    case "Desk":
      onDesk(turn, input.waiter, input.request)
      break
    case "Status":
      onStatus(turn, input.waiter, input.request)
      break
    case "Flush":
      onFlush(turn, input.waiter, input.request)
      break
    case "Due":
      onDue(turn)
      break
    case "Fetched":
      onFetched(turn, input.job, input.result)
      break
    case "Announced":
      onAnnounced(turn, input.job, input.result)
      break
    case "Desked":
      onDesked(turn, input.job, input.result)
      break
    case "Renewed":
      onRenewed(turn, input.job, input.result)
      break
    case "Removed":
      onRemoved(turn, input.job, input.gone)
      break
    case "Consulted":
      onConsulted(turn, input.waiter, input.callback, input.suspicion, input.verdict, input.stored)
      break
    case "Looked":
      onLooked(turn, input.waiter, input.known)
      break
  }
  return turn
}
