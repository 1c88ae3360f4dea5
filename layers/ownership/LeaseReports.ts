import type { SqlError } from "@effect/sql/SqlError"
import { Effect } from "effect"
import type { Role } from "./Ownership.ts"
import { epochGauge, setRole, takeovers } from "./OwnershipMetrics.ts"

/** The database did not answer in time. */
export type Late = "late"

/** What an operator hears about the lease: changes only, however often the database is asked. */
export class LeaseReports {
  #role: Role | undefined
  #epoch = 0
  #holder: string | undefined
  #failing = false

  /** To be called often enough that the metrics and the log tell what time alone changes. */
  readonly noted = (role: Role, epoch: number) =>
    Effect.suspend(() => {
      const changed = epoch !== 0 && epoch === this.#epoch && role !== this.#role
      this.#role = role
      this.#epoch = epoch
      setRole(role)
      epochGauge.unsafeUpdate(epoch, [])
      if (!changed) return Effect.void
      if (role === "cut off") {
        return Effect.logWarning(
          "cut off: the database cannot be reached, and the lease is over; callbacks are answered, nothing new is begun"
        )
      }
      if (role === "standby") {
        return Effect.logWarning(
          "standby: the process stood still, and the lease is over; it is asked for again"
        )
      }
      return Effect.logInfo(`active again: nobody else had taken over (tenure ${epoch})`)
    })

  readonly heldBy = (host: string) =>
    Effect.suspend(() => {
      if (this.#holder === host) return Effect.void
      this.#holder = host
      return Effect.logInfo(`standby: the active node is on ${host}; this one takes over when that ends`)
    })

  readonly tookOver = (epoch: number) =>
    Effect.suspend(() => {
      this.#holder = undefined
      takeovers.unsafeUpdate(1, [])
      return Effect.logInfo(`active: this node has taken over (tenure ${epoch})`)
    })

  readonly lost = (epoch: number) =>
    Effect.logWarning(`standby: another node has taken over, tenure ${epoch} of this one is over`)

  readonly failed = (error: SqlError | Late) =>
    Effect.suspend(() => {
      if (this.#failing) return Effect.void
      this.#failing = true
      return Effect.logWarning(
        `the database does not say who is active (${reasonOf(error)}); it is asked again every second`
      )
    })

  readonly answered = Effect.suspend(() => {
    if (!this.#failing) return Effect.void
    this.#failing = false
    return Effect.logInfo("the database says again who is active")
  })
}

const reasonOf = (error: SqlError | Late): string =>
  error === "late" ? "no answer in time" : error.cause instanceof Error ? error.cause.message : error.message
