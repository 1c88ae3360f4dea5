import { Context, Effect, Layer, type Scope } from "effect"
import { callbackBudget, type LogInBudget } from "../layers/ews/LogInBudget.ts"
import type { UserNumber } from "../schemas/Ids.ts"

/** What jobs of one user that are under way at the same time have to share. */
export class UserGate extends Context.Tag("ens/UserGate")<
  UserGate,
  {
    /** One EWS call per user at a time: Exchange counts concurrency per mailbox (FACTS: EwsMaxConcurrency). */
    readonly through: (user: UserNumber) => <A, E, R>(work: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
    /** As `visit` with its budget, for as long as the scope is open. */
    readonly budget: (user: UserNumber, generation: number) => Effect.Effect<LogInBudget, never, Scope.Scope>
    /** For a job that begins; it must `leave` when it ends. */
    readonly visit: (user: UserNumber) => Visit
  }
>() {}

/** A job of a user that is under way. */
export interface Visit {
  /**
   * Refused log-ins that are left to what callbacks cause: one per generation, also where a mail is fetched while the
   * subscription is renewed with the same credentials.
   */
  readonly budget: (generation: number) => LogInBudget
  readonly leave: () => void
}

export const layer: Layer.Layer<UserGate> = Layer.sync(UserGate, () => {
  const gates = new Map<UserNumber, Gate>()

  const visit = (user: UserNumber): Gate => {
    const gate = gates.get(user) ?? new Gate(() => gates.delete(user))
    gates.set(user, gate)
    gate.enter()
    return gate
  }

  return {
    visit,
    through: (user) => (work) =>
      // One region for place and turn, because this is done for every mail.
      Effect.uninterruptibleMask((interruptibly) => {
        const gate = visit(user)
        const leave = () => {
          gate.giveBack()
          gate.leave()
        }
        const inTurn = Effect.matchCauseEffect(interruptibly(work), {
          onFailure: (cause) => {
            leave()
            return Effect.failCause(cause)
          },
          onSuccess: (result) => {
            leave()
            return Effect.succeed(result)
          }
        })
        if (gate.take()) return inTurn
        return Effect.zipRight(
          Effect.onError(interruptibly(gate.wait), () => Effect.sync(() => gate.leave())),
          inTurn
        )
      }),
    budget: (user, generation) =>
      Effect.map(
        Effect.acquireRelease(
          Effect.sync(() => visit(user)),
          (gate) => Effect.sync(() => gate.leave())
        ),
        (gate) => gate.budget(generation)
      )
  }
})

/** Lives as long as a job of the user does. */
class Gate implements Visit {
  readonly #forget: () => void
  readonly #budgets = new Map<number, LogInBudget>()
  readonly #waiting = new Set<() => void>()
  #visits = 0
  #busy = false

  constructor(forget: () => void) {
    this.#forget = forget
  }

  enter(): void {
    this.#visits += 1
  }

  leave(): void {
    this.#visits -= 1
    if (this.#visits === 0) this.#forget()
  }

  budget(generation: number): LogInBudget {
    const budget = this.#budgets.get(generation) ?? callbackBudget()
    this.#budgets.set(generation, budget)
    return budget
  }

  /** Takes the turn, if it is free. It is to be given back once. */
  take(): boolean {
    if (this.#busy) return false
    this.#busy = true
    return true
  }

  /** Waits for the turn. Whoever is interrupted has none. */
  readonly wait: Effect.Effect<void> = Effect.async<void>((resume) => {
    let served = false
    const serve = () => {
      served = true
      resume(Effect.void)
    }
    this.#waiting.add(serve)
    // Being served can fall together with an interruption.
    return Effect.sync(() => (served ? this.giveBack() : void this.#waiting.delete(serve)))
  })

  giveBack(): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#busy = false
      return
    }
    this.#waiting.delete(next)
    next()
  }
}
