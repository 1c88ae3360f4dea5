import { Effect } from "effect"
import { Subscriptions } from "../../actors/Subscriptions.ts"
import { Ownership, type Role } from "../../layers/ownership/Ownership.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { Intake } from "./Intake.ts"

/** What the public listener says, in one word. */
export const wordOf = ({ ready, role }: Readiness): string =>
  ready ? "ready" : role === "standby" ? "standby" : "not ready"

/** Whether this process can do its work. Trouble with gateways or Exchange is not asked for: it is no reason to be replaced. */
export interface Readiness {
  readonly ready: boolean
  /** `standby`: another node does the work. */
  readonly role: Role
  readonly accepting: boolean
  readonly storage: "reachable" | "unreachable"
  readonly actors: "loaded" | "loading"
}

export const readiness: Effect.Effect<Readiness, never, Intake | Storage | Subscriptions | Ownership> =
  Effect.gen(function* () {
    const role = (yield* Ownership).role()
    const accepting = (yield* Intake).isOpen()
    const loaded = (yield* Subscriptions).loaded()
    const reachable = yield* Effect.flatMap(Storage, (storage) => storage.ping).pipe(
      Effect.as(true),
      Effect.timeoutTo({ duration: "3 seconds", onSuccess: (done) => done, onTimeout: () => false }),
      Effect.catchAll(() => Effect.succeed(false))
    )
    return {
      ready: accepting && loaded && reachable && role === "active",
      role,
      accepting,
      storage: reachable ? "reachable" : "unreachable",
      actors: loaded ? "loaded" : "loading"
    }
  })
