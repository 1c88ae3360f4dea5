import { Effect } from "effect"
import { Subscriptions } from "../../actors/Subscriptions.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { Intake } from "./Intake.ts"

/** Whether this process can do its work. Trouble with gateways or Exchange is not asked for: it is no reason to be replaced. */
export interface Readiness {
  readonly ready: boolean
  readonly accepting: boolean
  readonly storage: "reachable" | "unreachable"
  readonly actors: "loaded" | "loading"
}

export const readiness: Effect.Effect<Readiness, never, Intake | Storage | Subscriptions> = Effect.gen(
  function* () {
    const accepting = (yield* Intake).isOpen()
    const loaded = (yield* Subscriptions).loaded()
    const reachable = yield* Effect.flatMap(Storage, (storage) => storage.ping).pipe(
      Effect.as(true),
      Effect.timeoutTo({ duration: "3 seconds", onSuccess: (done) => done, onTimeout: () => false }),
      Effect.catchAll(() => Effect.succeed(false))
    )
    return {
      ready: accepting && loaded && reachable,
      accepting,
      storage: reachable ? "reachable" : "unreachable",
      actors: loaded ? "loaded" : "loading"
    }
  }
)
