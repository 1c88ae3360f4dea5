import { Context, Deferred, Effect, Fiber, Layer, Option } from "effect"
import { Ownership } from "../layers/ownership/Ownership.ts"
import { DossierChanges } from "./DossierChanges.ts"
import { Dossiers } from "./Dossiers.ts"
import { History } from "./History.ts"
import { KeyPool } from "./KeyPool.ts"
import { noSubscriptions } from "./LinkTally.ts"
import { Subscriptions, Unavailable } from "./Subscriptions.ts"
import { WriteBehind } from "./WriteBehind.ts"

/** What lives as long as this node is the active one. */
export type Actors = Subscriptions | KeyPool | WriteBehind

/** What can be said of the present tenure from outside. */
export class Tenure extends Context.Tag("ens/Tenure")<
  Tenure,
  {
    /** Users of whom something is not known to be on disk; 0 while this node is a standby. */
    readonly waiting: () => number
  }
>() {}

/** After a defect while the actors were being built. */
const BUILT_AGAIN_AFTER = "5 seconds"

/**
 * Builds `actors` whenever this node becomes active and closes them when its tenure ends, so that the next one starts from
 * storage with nothing left over. The services that it gives are there all the time: on a standby they fail with
 * `Unavailable` (`standby`).
 *
 * A node that is active from the start has its actors when the layer is built, and closing the layer closes them first.
 */
export const layer = <R>(
  actors: Layer.Layer<Actors, never, R>
): Layer.Layer<Subscriptions | KeyPool | Tenure | History | DossierChanges, never, R | Ownership> =>
  Layer.scopedContext(
    Effect.gen(function* () {
      const ownership = yield* Ownership
      const services = yield* Effect.context<R>()
      const open = yield* Deferred.make<void>()
      let present: Present | undefined
      // A standby has none.
      noSubscriptions()

      const tenure = Effect.gen(function* () {
        // Behind the actors' own ends, so that they say themselves what becomes of who asks meanwhile.
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            present = undefined
          })
        )
        const built = yield* Layer.build(actors)
        present = {
          subscriptions: Context.get(built, Subscriptions),
          keyPool: Context.get(built, KeyPool),
          writeBehind: Context.get(built, WriteBehind),
          history: Context.get(built, History),
          dossiers: Context.getOption(built as Context.Context<never>, Dossiers)
        }
        yield* Deferred.succeed(open, undefined)
        return yield* Effect.never
      }).pipe(
        Effect.scoped,
        Effect.provide(services),
        Effect.catchAllDefect((defect) =>
          Effect.zipRight(
            Effect.logError("the actors could not be started; trying again", { defect: nameOf(defect) }),
            Effect.sleep(BUILT_AGAIN_AFTER)
          )
        ),
        Effect.forever
      )
      const tenures = yield* Effect.forkScoped(ownership.during(tenure))
      if (ownership.role() === "active") {
        yield* Effect.raceFirst(Deferred.await(open), Fiber.join(tenures)).pipe(
          Effect.timeoutOption(BUILT_AGAIN_AFTER)
        )
      }
      return facade(() => present)
    })
  )

interface Present {
  readonly subscriptions: Subscriptions["Type"]
  readonly keyPool: KeyPool["Type"]
  readonly writeBehind: WriteBehind["Type"]
  readonly history: History["Type"]
  /** None: these actors keep none. */
  readonly dossiers: Option.Option<Dossiers["Type"]>
}

const facade = (
  present: () => Present | undefined
): Context.Context<Subscriptions | KeyPool | Tenure | History | DossierChanges> => {
  const orStandby = <A, E, R>(use: (actors: Present) => Effect.Effect<A, E, R>) =>
    Effect.suspend((): Effect.Effect<A, E | Unavailable, R> => {
      const actors = present()
      return actors === undefined ? Effect.fail(standby()) : use(actors)
    })
  return Context.make(
    Subscriptions,
    Subscriptions.of({
      post: (user, request, reply) => {
        const actors = present()
        if (actors === undefined) reply(standby())
        else actors.subscriptions.post(user, request, reply)
      },
      ask: (user, request) => orStandby(({ subscriptions }) => subscriptions.ask(user, request)),
      tell: (user, request) => orStandby(({ subscriptions }) => subscriptions.tell(user, request)),
      count: Effect.suspend(() => present()?.subscriptions.count ?? Effect.succeed(0)),
      loaded: () => present()?.subscriptions.loaded() ?? false
    })
  ).pipe(
    Context.add(KeyPool, {
      take: orStandby(({ keyPool }) => keyPool.take),
      takeSpare: orStandby(({ keyPool }) => keyPool.takeSpare)
    }),
    Context.add(History, {
      note: (user, kind, detail, times) => present()?.history.note(user, kind, detail, times)
    }),
    Context.add(DossierChanges, {
      changed: (user) =>
        Effect.suspend(() => {
          const dossiers = Option.getOrUndefined(present()?.dossiers ?? Option.none())
          return dossiers?.forget(user) ?? Effect.void
        })
    }),
    Context.add(Tenure, { waiting: () => present()?.writeBehind.waiting() ?? 0 })
  )
}

const standby = () => new Unavailable({ reason: "standby" })

const nameOf = (defect: unknown): string => (defect instanceof Error ? defect.name : typeof defect)
