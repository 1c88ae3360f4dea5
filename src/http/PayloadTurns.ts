import { Effect, Schema } from "effect"
import type { TenantNumber } from "../../schemas/Ids.ts"

/** More payloads of the tenant wait than can be opened soon. */
export class PayloadsCrowded extends Schema.TaggedError<PayloadsCrowded>()("PayloadsCrowded", {}) {
  override get message() {
    return "too many registrations of this organisation wait"
  }
}

/**
 * Private-key operations that may wait for one tenant: six seconds of a core, thousands of payloads with a password or some
 * hundred with a certificate. Whoever has only an API token makes others with that token wait no longer than that.
 */
const WAITING_MAX = 8192

/**
 * One payload at a time, so that a turn of the event loop has one private-key operation and no more; tenants take turns,
 * so that one which sends many, or long ones, does not keep the others waiting. `blocks`: how many operations the work takes.
 */
export const makeTurns = (waitingMax = WAITING_MAX) => {
  const one = Effect.unsafeMakeSemaphore(1)
  const ofTenants = new Map<TenantNumber, { readonly own: Effect.Semaphore; waiting: number }>()
  return <A, E, R>(
    tenant: TenantNumber,
    blocks: number,
    work: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | PayloadsCrowded, R> =>
    Effect.suspend((): Effect.Effect<A, E | PayloadsCrowded, R> => {
      const queue = ofTenants.get(tenant) ?? { own: Effect.unsafeMakeSemaphore(1), waiting: 0 }
      if (queue.waiting > 0 && queue.waiting + blocks > waitingMax) return new PayloadsCrowded()
      ofTenants.set(tenant, queue)
      queue.waiting += blocks
      return Effect.ensuring(
        queue.own.withPermits(1)(one.withPermits(1)(work)),
        Effect.sync(() => {
          queue.waiting -= blocks
        })
      )
    })
}
