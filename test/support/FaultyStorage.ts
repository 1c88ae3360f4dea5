import { Context, Effect, Layer } from "effect"
import { Storage } from "../../layers/storage/Storage.ts"
import { StorageError } from "../../schemas/StorageError.ts"

export type StorageOperation = Exclude<keyof typeof Storage.Service, "location">

/** The handle on a storage that misbehaves on demand. All verbs take effect at once, for calls that start later. */
export class StorageFaults extends Context.Tag("ens/test/StorageFaults")<
  StorageFaults,
  {
    /** The next `times` calls of the method fail and do nothing. */
    readonly failNext: (operation: StorageOperation, times?: number) => void
    /** The next call of the method is done, but fails all the same: its answer was lost on the way. */
    readonly loseAnswer: (operation: StorageOperation) => void
    /** Every call of every method fails while true. */
    readonly down: (isDown: boolean) => void
    /** Every call waits so long (ms of Effect's clock) before it is done. */
    readonly delay: (milliseconds: number) => void
    /**
     * How long each call takes (ms of Effect's clock): until it is done, and until its answer is there. Takes the place of
     * `delay`.
     */
    readonly pace: (paceOf: (operation: StorageOperation, call: number) => Pace) => void
    /** How often the method was called, failed calls included. */
    readonly calls: (operation: StorageOperation) => number
    /** Calls of all methods. */
    readonly totalCalls: () => number
  }
>() {}

export interface Pace {
  readonly before: number
  readonly after: number
}

/** Any storage, with its fault handle beside it. Share the one layer value between service and test. */
export const layerFaulty = <E, R>(
  inner: Layer.Layer<Storage, E, R>
): Layer.Layer<Storage | StorageFaults, E, R> =>
  Layer.effectContext(
    Effect.map(Storage, (storage) => {
      const faults = new Faults()
      return Context.make(StorageFaults, faults.handle).pipe(Context.add(Storage, faults.wrap(storage)))
    })
  ).pipe(Layer.provide(inner))

const AT_ONCE: Pace = { before: 0, after: 0 }

class Faults {
  readonly #calls = new Map<StorageOperation, number>()
  readonly #failing = new Map<StorageOperation, number>()
  readonly #losing = new Set<StorageOperation>()
  #down = false
  #pace: (operation: StorageOperation, call: number) => Pace = () => AT_ONCE

  readonly handle: typeof StorageFaults.Service = {
    failNext: (operation, times = 1) => void this.#failing.set(operation, times),
    loseAnswer: (operation) => void this.#losing.add(operation),
    down: (isDown) => {
      this.#down = isDown
    },
    delay: (milliseconds) => {
      this.#pace = () => ({ before: milliseconds, after: 0 })
    },
    pace: (paceOf) => {
      this.#pace = paceOf
    },
    calls: (operation) => this.#calls.get(operation) ?? 0,
    totalCalls: () => [...this.#calls.values()].reduce((sum, calls) => sum + calls, 0)
  }

  /** Every member of the service is an effect or makes one; which of the two is all that has to be known here. */
  wrap(storage: typeof Storage.Service): typeof Storage.Service {
    const members = Object.entries(storage).map(([name, member]) => {
      if (name === "location") return [name, member]
      const operation = name as StorageOperation
      if (typeof member !== "function") return [name, this.#guard(operation, member as AnyEffect)]
      const method = member as (...parameters: ReadonlyArray<unknown>) => AnyEffect
      return [
        name,
        (...parameters: ReadonlyArray<unknown>) =>
          this.#guard(
            operation,
            Effect.suspend(() => method(...parameters))
          )
      ]
    })
    return Object.fromEntries(members) as typeof Storage.Service
  }

  #guard(operation: StorageOperation, effect: AnyEffect): AnyEffect {
    return Effect.suspend(() => {
      this.#calls.set(operation, (this.#calls.get(operation) ?? 0) + 1)
      const left = this.#failing.get(operation) ?? 0
      if (left > 0) this.#failing.set(operation, left - 1)
      const failure = Effect.suspend(
        () => new StorageError({ operation, transient: true, cause: new Error("made to fail") })
      )
      const done = this.#losing.delete(operation) ? Effect.zipRight(effect, failure) : effect
      const outcome = left > 0 || this.#down ? failure : done
      const { after, before } = this.#pace(operation, this.handle.totalCalls())
      const begun = before > 0 ? Effect.delay(outcome, before) : outcome
      // The answer to a failure is late, too.
      return after > 0 ? Effect.flatMap(Effect.exit(begun), (exit) => Effect.delay(exit, after)) : begun
    })
  }
}

type AnyEffect = Effect.Effect<unknown, StorageError>
