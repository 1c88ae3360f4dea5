import { Effect, Layer } from "effect"
import { Tenure } from "../actors/Tenure.ts"
import { CallbackListener } from "./http/CallbackListener.ts"

/**
 * Says that the service stops and what is in hand; to be put on top of everything, so that it closes first. Stopping takes
 * at most 10 s, whatever hangs, because finalizers cannot be interrupted and each has its own bound:
 *
 * | what | seconds |
 * |---|---|
 * | answers that are owed; callbacks that are left are given back (`PublicListener`) | 5, and 0.5 for closing |
 * | actors (`LocalSubscriptions`, `LocalSupervisor`) | 0.5, and twice 0.5 for what does not end |
 * | writing what actors noted (`WriteBehind`) | 2 |
 * | writing what happened to users (`HistoryLog`) | 1 |
 * | closing the database (`SqliteWriter`) | 1 |
 * | giving back the lease, or it expires (`LeaseOwnership`) | 2 |
 * | everything together (`Ending`) | 9.5 |
 */
export const layer: Layer.Layer<never, never, CallbackListener | Tenure> = Layer.scopedDiscard(
  Effect.gen(function* () {
    const callbacks = yield* CallbackListener
    const { waiting } = yield* Tenure
    yield* Effect.addFinalizer(() =>
      Effect.logInfo(
        `stopping: ${callbacks.inHand()} callbacks in hand, notes about ${waiting()} users to be written`
      )
    )
  })
)
