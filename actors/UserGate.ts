import { Context, Effect, Layer, type Scope } from "effect"
import { callbackBudget, type LogInBudget } from "../layers/ews/LogInBudget.ts"
import type { UserNumber } from "../schemas/Ids.ts"

/** What jobs of one user that are under way at the same time have to share. */
export class UserGate extends Context.Tag("ens/UserGate")<
  UserGate,
  {
    /** For work that begins now, and that must `leave` when it ends, however it does. */
    readonly visit: (user: UserNumber) => Visit
    /** Work of the user in its turn. */
    readonly through: (user: UserNumber) => <A, E, R>(work: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
    /** A visit's budget, for as long as the scope is open. */
    readonly budget: (user: UserNumber, generation: number) => Effect.Effect<LogInBudget, never, Scope.Scope>
  }
>() {}

/** Work of a user that is under way. */
export interface Visit {
  /** One EWS call per user at a time: Exchange counts concurrency per mailbox (FACTS: EwsMaxConcurrency). Kept until the end. */
  readonly turn: Effect.Effect<void>
  /**
   * Refused log-ins that are left to what callbacks cause: one per generation, also where a mail is fetched while the
   * subscription is renewed with the same credentials.
   */
  readonly budget: (generation: number) => LogInBudget
  readonly leave: () => void
}

export const layer: Layer.Layer<UserGate> = Layer.sync(UserGate, () => {
  const gates = new Map<UserNumber, Gate>()

  const visit = (user: UserNumber): Visit => {
    const gate = gates.get(user) ?? new Gate()
    gates.set(user, gate)
    return new Visiting(gate, () => gates.delete(user))
  }

  return {
    visit,
    through: (user) => (work) =>
      Effect.uninterruptibleMask((interruptibly) => {
        const { leave, turn } = visit(user)
        return Effect.matchCauseEffect(interruptibly(Effect.zipRight(turn, work)), {
          onFailure: (cause) => {
            leave()
            return Effect.failCause(cause)
          },
          onSuccess: (result) => {
            leave()
            return Effect.succeed(result)
          }
        })
      }),
    budget: (user, generation) =>
      Effect.map(
        Effect.acquireRelease(
          Effect.sync(() => visit(user)),
          ({ leave }) => Effect.sync(leave)
        ),
        (entered) => entered.budget(generation)
      )
  }
})

/** Lives as long as anybody visits it. */
class Gate {
  readonly budgets = new Map<number, LogInBudget>()
  readonly waiting = new Set<() => void>()
  visits = 0
  isTaken = false

  giveBack(): void {
    const [next] = this.waiting
    this.isTaken = next !== undefined
    if (next === undefined) return
    this.waiting.delete(next)
    next()
  }
}

class Visiting implements Visit {
  readonly #gate: Gate
  readonly #last: () => void
  #hasTurn = false
  #served: (() => void) | undefined

  constructor(gate: Gate, last: () => void) {
    this.#gate = gate
    this.#last = last
    gate.visits += 1
  }

  readonly turn: Effect.Effect<void> = Effect.suspend(() => {
    const gate = this.#gate
    if (gate.isTaken) return this.#waiting
    gate.isTaken = true
    this.#hasTurn = true
    return Effect.void
  })

  /** Who is interrupted here, perhaps while being served, leaves soon. */
  get #waiting(): Effect.Effect<void> {
    return Effect.async((resume) => {
      this.#served = () => {
        this.#hasTurn = true
        resume(Effect.void)
      }
      this.#gate.waiting.add(this.#served)
    })
  }

  budget(generation: number): LogInBudget {
    const { budgets } = this.#gate
    const budget = budgets.get(generation) ?? callbackBudget()
    budgets.set(generation, budget)
    return budget
  }

  readonly leave = (): void => {
    const gate = this.#gate
    if (this.#served !== undefined) gate.waiting.delete(this.#served)
    if (this.#hasTurn) gate.giveBack()
    gate.visits -= 1
    if (gate.visits === 0) this.#last()
  }
}
