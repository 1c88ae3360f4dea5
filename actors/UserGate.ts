import { Context, Effect, Layer } from "effect"
import type { UserNumber } from "../schemas/Ids.ts"

/** One EWS call per user at a time: Exchange counts concurrency per mailbox (FACTS: EwsMaxConcurrency). */
export class UserGate extends Context.Tag("ens/UserGate")<
  UserGate,
  {
    readonly through: (user: UserNumber) => <A, E, R>(work: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  }
>() {}

export const layer: Layer.Layer<UserGate> = Layer.sync(UserGate, () => {
  const gates = new Map<UserNumber, { readonly semaphore: Effect.Semaphore; users: number }>()
  return {
    through: (user) => (work) =>
      Effect.acquireUseRelease(
        Effect.sync(() => {
          const gate = gates.get(user) ?? { semaphore: Effect.unsafeMakeSemaphore(1), users: 0 }
          gates.set(user, gate)
          gate.users += 1
          return gate
        }),
        (gate) => gate.semaphore.withPermits(1)(work),
        (gate) =>
          Effect.sync(() => {
            gate.users -= 1
            if (gate.users === 0) gates.delete(user)
          })
      )
  }
})
