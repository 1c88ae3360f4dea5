import { Effect } from "effect"
import type { TenantNumber, UserId } from "../../schemas/Ids.ts"
import type { Rate } from "../../schemas/Settings.ts"
import { TokenBuckets } from "./TokenBuckets.ts"

/**
 * How many users a tenant makes known who do not register. Each costs a key pair, so that who only has an API token gets few;
 * one who registers is given back, so that a roll-out is not slowed down. Milliseconds.
 */
export class NewUsers {
  readonly #buckets: TokenBuckets
  readonly #half: number
  #recent = new Set<string>()
  #former = new Set<string>()
  readonly #queues = new Map<string, { readonly lock: Effect.Semaphore; visits: number }>()

  /** Without a rate everything is let through. At most `most` users are remembered; who is forgotten is not given back. */
  constructor(rate: Rate | undefined, most = 100_000) {
    this.#buckets = new TokenBuckets(rate)
    this.#half = Math.max(1, Math.floor(most / 2))
  }

  /** 0: there is room for this user; else in how many milliseconds there is. */
  take(tenant: TenantNumber, userId: UserId, now: number): number {
    const wait = this.#buckets.take(`${tenant}`, now)
    if (wait === 0) this.#remember(keyOf(tenant, userId))
    return wait
  }

  /** The user has registered, or was not made after all: costs the tenant nothing any more, the first time that it is said. */
  giveBack(tenant: TenantNumber, userId: UserId, now: number): void {
    const key = keyOf(tenant, userId)
    if (this.#recent.delete(key) || this.#former.delete(key)) this.#buckets.giveBack(`${tenant}`, now)
  }

  /** Those who make the same user do it one after another: all but the first find him made. */
  inTurn<A, E, R>(
    tenant: TenantNumber,
    userId: UserId,
    making: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E, R> {
    const key = keyOf(tenant, userId)
    return Effect.acquireUseRelease(
      Effect.sync(() => {
        const queue = this.#queues.get(key) ?? { lock: Effect.unsafeMakeSemaphore(1), visits: 0 }
        this.#queues.set(key, queue)
        queue.visits++
        return queue
      }),
      ({ lock }) => lock.withPermits(1)(making),
      (queue) =>
        Effect.sync(() => {
          if (--queue.visits === 0) this.#queues.delete(key)
        })
    )
  }

  #remember(key: string): void {
    this.#recent.add(key)
    if (this.#recent.size < this.#half) return
    this.#former = this.#recent
    this.#recent = new Set()
  }
}

const keyOf = (tenant: TenantNumber, userId: UserId) => `${tenant}|${userId}`
