import { randomUUID } from "node:crypto"
import { hostname } from "node:os"
import { SqlError } from "@effect/sql/SqlError"
import { type Clock, Effect, Either, Layer, type Scope } from "effect"
import { StorageError } from "../../schemas/StorageError.ts"
import * as MssqlClient from "../storage/mssql/MssqlClient.ts"
import type { MssqlConfig } from "../storage/mssql/MssqlUrl.ts"
import { type Late, LeaseReports } from "./LeaseReports.ts"
import * as LeaseStore from "./LeaseStore.ts"
import { Ownership } from "./Ownership.ts"
import * as Tenure from "./Tenure.ts"
import { Terms } from "./Terms.ts"

/** Role and metrics are looked at so often (ms). */
const LOOK_EVERY = 1_000

/** A lease that is about to expire is asked for when it does, but not sooner again than this (ms). */
const SOONEST = 100

/** Giving back the lease takes at most so long; otherwise it expires. */
const RELEASE_WITHIN = "2 seconds"

/**
 * One active node per database: whoever has the lease (`leases`, one row). It is asked for on a connection of its own, so
 * that a busy pool never costs it. The schema must be up to date. The lease is given back when the layer closes, so what
 * must not go on without it belongs on top.
 */
export const layer = (config: MssqlConfig): Layer.Layer<Ownership, StorageError> =>
  Layer.scoped(
    Ownership,
    MssqlClient.single(config).pipe(
      Effect.mapError((cause) => new StorageError({ operation: "lease", transient: false, cause })),
      Effect.flatMap((sql) => make(LeaseStore.make(sql)))
    )
  )

/** Asks once before it answers, so that a node without another one is active at once. */
export const make = (
  store: LeaseStore.LeaseStore,
  host: string = hostname()
): Effect.Effect<Ownership["Type"], never, Scope.Scope> =>
  Effect.gen(function* () {
    const holder = new LeaseHolder(store, yield* Effect.clock, host)
    yield* Effect.addFinalizer(() => holder.release)
    yield* holder.ask
    yield* Effect.forkScoped(holder.goOn)
    return {
      role: () => holder.role(),
      owns: () => holder.epoch() !== 0,
      epoch: () => holder.epoch(),
      during: holder.terms.during,
      actingNode: () => holder.actingNode()
    }
  })

class LeaseHolder {
  readonly terms = new Terms()
  readonly #store: LeaseStore.LeaseStore
  readonly #clock: Clock.Clock
  readonly #host: string
  readonly #name = randomUUID()
  readonly #reports = new LeaseReports()
  #tenure: Tenure.Tenure | undefined
  #heldBy: string | undefined
  #askAt = 0

  constructor(store: LeaseStore.LeaseStore, clock: Clock.Clock, host: string) {
    this.#store = store
    this.#clock = clock
    this.#host = host
  }

  role() {
    return this.#tenure === undefined ? "standby" : Tenure.roleAt(this.#tenure, this.#now())
  }

  epoch() {
    return this.#tenure?.epoch ?? 0
  }

  actingNode() {
    return this.#tenure === undefined ? this.#heldBy : undefined
  }

  /** Asks for the lease, or for more of it. */
  readonly ask = Effect.suspend(() =>
    Effect.zipRight(this.#tenure === undefined ? this.#acquire : this.#renew(this.#tenure), this.#look)
  )

  readonly goOn = Effect.forever(
    Effect.suspend(() =>
      Effect.zipRight(
        Effect.sleep(Math.min(LOOK_EVERY, Math.max(0, this.#askAt - this.#now().monotonic))),
        Effect.suspend(() => (this.#isDue() ? this.ask : this.#look))
      )
    )
  )

  /** What is on top has ended by now; nobody may think that it can go on. */
  readonly release = Effect.suspend(() => {
    this.#end()
    return this.#store.release(this.#name).pipe(
      Effect.disconnect,
      Effect.interruptible,
      Effect.timeout(RELEASE_WITHIN),
      Effect.catchAll(() =>
        Effect.logWarning("the lease could not be given back; it expires in half a minute")
      ),
      Effect.zipRight(this.#look)
    )
  })

  readonly #look = Effect.suspend(() => this.#reports.noted(this.role(), this.epoch()))

  /** The monotonic clock does not know how long a machine was suspended. */
  #isDue(): boolean {
    return this.#now().monotonic >= this.#askAt || (this.#tenure !== undefined && this.role() === "standby")
  }

  readonly #acquire = Effect.suspend(() => {
    const asked = this.#now()
    this.#askAt = asked.monotonic + Tenure.ASK_AGAIN
    // Who acts again while it still ends what it did before could do both at once.
    if (!this.terms.isIdle()) return Effect.void
    return Effect.flatMap(this.#answer(this.#store.acquire(this.#name, this.#host)), (answer) => {
      if (Either.isLeft(answer)) return this.#reports.failed(answer.left)
      if ("heldBy" in answer.right) {
        const expired = this.#now().monotonic + answer.right.forAnother
        this.#heldBy = answer.right.heldBy
        this.#askAt = Math.min(this.#askAt, Math.max(expired, asked.monotonic + SOONEST))
        return Effect.zipRight(this.#reports.answered, this.#reports.heldBy(answer.right.heldBy))
      }
      const { epoch } = answer.right
      this.#grant(Tenure.granted(epoch, asked, this.#now()), asked)
      return Effect.zipRight(this.#reports.answered, this.#reports.tookOver(epoch))
    })
  })

  #renew(tenure: Tenure.Tenure) {
    const asked = this.#now()
    return Effect.flatMap(this.#answer(this.#store.renew(this.#name, tenure.epoch)), (answer) => {
      const now = this.#now()
      if (Either.isLeft(answer)) {
        this.#tenure = Tenure.failed(tenure, asked, now)
        this.#askAt = now.monotonic + Tenure.ASK_AGAIN
        return this.#reports.failed(answer.left)
      }
      if (answer.right) {
        this.#grant(Tenure.renewed(tenure, asked, now), asked)
        return this.#reports.answered
      }
      this.#end()
      this.#askAt = now.monotonic
      return Effect.zipRight(this.#reports.answered, this.#reports.lost(tenure.epoch))
    })
  }

  /** An answer may be so late that it is worth nothing; then the next one counts. */
  #grant(tenure: Tenure.Tenure, asked: Tenure.Moment): void {
    this.#tenure = tenure
    this.#askAt = asked.monotonic + Tenure.RENEW_EVERY
    if (this.role() === "active") this.terms.begin()
  }

  #end(): void {
    this.#tenure = undefined
    this.terms.end()
  }

  #answer<A>(question: Effect.Effect<A, SqlError>): Effect.Effect<Either.Either<A, SqlError | Late>> {
    return Effect.timeoutTo(Effect.disconnect(Effect.either(asFailure(question))), {
      duration: Tenure.ANSWER_WITHIN,
      onTimeout: (): Either.Either<A, Late> => Either.left("late"),
      onSuccess: (answer) => answer
    })
  }

  #now(): Tenure.Moment {
    return {
      monotonic: Number(this.#clock.unsafeCurrentTimeNanos() / 1_000n) / 1_000,
      wall: this.#clock.unsafeCurrentTimeMillis()
    }
  }
}

/** Whatever goes wrong, the database is asked again. */
const asFailure = <A>(question: Effect.Effect<A, SqlError>): Effect.Effect<A, SqlError> =>
  Effect.catchAllDefect(question, (cause) =>
    Effect.fail(new SqlError({ cause, message: "the question to the database is broken" }))
  )
