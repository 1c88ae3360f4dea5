import { SqlError } from "@effect/sql/SqlError"
import { Effect } from "effect"
import type { LeaseStore } from "../../layers/ownership/LeaseStore.ts"
import { LEASE } from "../../layers/ownership/Tenure.ts"

/** The lease in memory: what a database answers, and what it does when it is away. */
export class ModelLease {
  holder = ""
  host = ""
  epoch = 0
  expiresAt = 0
  /** `refuses`: fails at once. `silent`: answers nothing. `forgets`: does what is asked, and the answer is lost. */
  state: "there" | "refuses" | "silent" | "forgets" = "there"
  /** What was asked, in order. */
  readonly asked: Array<"acquire" | "renew" | "release"> = []
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  /** As a node of that name does it. */
  take(holder: string, host: string): void {
    this.holder = holder
    this.host = host
    this.epoch += 1
    this.expiresAt = this.#now() + LEASE
  }

  readonly store: LeaseStore = {
    acquire: (holder, host) =>
      this.#answer("acquire", () => {
        if (this.expiresAt > this.#now() && this.holder !== holder) {
          return { heldBy: this.host, forAnother: this.expiresAt - this.#now() }
        }
        this.take(holder, host)
        return { epoch: this.epoch }
      }),
    renew: (holder, epoch) =>
      this.#answer("renew", () => {
        if (this.holder !== holder || this.epoch !== epoch) return false
        this.expiresAt = this.#now() + LEASE
        return true
      }),
    release: (holder) =>
      this.#answer("release", () => {
        if (this.holder === holder) this.expiresAt = 0
      })
  }

  #answer<A>(question: "acquire" | "renew" | "release", look: () => A): Effect.Effect<A, SqlError> {
    return Effect.suspend((): Effect.Effect<A, SqlError> => {
      this.asked.push(question)
      if (this.state === "refuses") return refused
      if (this.state === "silent") return Effect.never
      const answer = look()
      return this.state === "forgets" ? Effect.never : Effect.succeed(answer)
    })
  }
}

const refused = Effect.fail(new SqlError({ cause: new Error("connection refused"), message: "away" }))
