import { Context, Effect, Layer, type Scope } from "effect"
import { callbackBudget, type LogInBudget } from "../layers/ews/LogInBudget.ts"
import type { UserNumber } from "../schemas/Ids.ts"

/** What jobs of one user that are under way at the same time have to share. */
export class UserGate extends Context.Tag("ens/UserGate")<
  UserGate,
  {
    /** One EWS call per user at a time: Exchange counts concurrency per mailbox (FACTS: EwsMaxConcurrency). */
    readonly through: (user: UserNumber) => <A, E, R>(work: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
    /**
     * Refused log-ins that are left to what callbacks cause: one per generation, also where a mail is fetched while the
     * subscription is renewed with the same credentials.
     */
    readonly budget: (user: UserNumber, generation: number) => Effect.Effect<LogInBudget, never, Scope.Scope>
  }
>() {}

/** Lives as long as a job of the user does. */
interface Gate {
  readonly semaphore: Effect.Semaphore
  readonly budgets: Map<number, LogInBudget>
  jobs: number
}

export const layer: Layer.Layer<UserGate> = Layer.sync(UserGate, () => {
  const gates = new Map<UserNumber, Gate>()
  const enter = (user: UserNumber) =>
    Effect.sync(() => {
      const gate = gates.get(user) ?? {
        semaphore: Effect.unsafeMakeSemaphore(1),
        budgets: new Map(),
        jobs: 0
      }
      gates.set(user, gate)
      gate.jobs += 1
      return gate
    })
  const leave = (user: UserNumber) => (gate: Gate) =>
    Effect.sync(() => {
      gate.jobs -= 1
      if (gate.jobs === 0) gates.delete(user)
    })
  return {
    through: (user) => (work) =>
      Effect.acquireUseRelease(enter(user), ({ semaphore }) => semaphore.withPermits(1)(work), leave(user)),
    budget: (user, generation) =>
      Effect.map(Effect.acquireRelease(enter(user), leave(user)), ({ budgets }) => {
        const budget = budgets.get(generation) ?? callbackBudget()
        budgets.set(generation, budget)
        return budget
      })
  }
})
