import { Context, Effect, Exit, Fiber, Layer, Option } from "effect"
import { Storage, type StoredDossier, type Tenant } from "../layers/storage/Storage.ts"
import type { TenantNumber, UserNumber } from "../schemas/Ids.ts"
import type { StorageError } from "../schemas/StorageError.ts"
import { DossierCache } from "./DossierCache.ts"
import { nowOf } from "./Now.ts"

/** What storage keeps of a user: whole strings, devices and wrapped keys, which no actor holds. */
export interface Dossier extends StoredDossier {
  readonly tenant: Tenant
}

/** A cache of dossiers. Who changes something in storage says so with `forget`. */
export class Dossiers extends Context.Tag("ens/Dossiers")<
  Dossiers,
  {
    /** None: there is no such user. While storage is away it is what was true when it was last read. */
    readonly of: (user: UserNumber) => Effect.Effect<Option.Option<Dossier>, StorageError>
    readonly forget: (user: UserNumber) => Effect.Effect<void>
  }
>() {}

/**
 * For whatever changes what a dossier is made of. It is read anew also after a failure: storage may have done it all the
 * same, or in part, and a mail that is sent as a dossier from before says is lost for a device that came since.
 */
export const changing =
  (user: UserNumber) =>
  <A, E, R>(change: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Dossiers> =>
    Effect.ensuring(
      change,
      Effect.flatMap(Dossiers, (dossiers) => dossiers.forget(user))
    )

/** Bytes of memory; an installation of 100,000 users has nearly all of them in it after some minutes. */
const LIMIT = 64 * 1024 * 1024
/** Other processes (`ens token create`) change tenants, too. */
const FRESH_FOR = 60_000
/** So long what is not fresh is used unasked after storage has failed. */
const ASKED_AGAIN_AFTER = 2_000
/**
 * So long is waited for storage when something older is known. A database that does not answer, but has not failed either,
 * would take the time in which a mail is announced.
 */
const REFRESHED_WITHIN = 1_000
/** Tenants are few; this only bounds them. */
const TENANTS_MAX = 1_000

type Reading = Fiber.RuntimeFiber<Option.Option<StoredDossier>, StorageError>

export const layer: Layer.Layer<Dossiers, never, Storage> = Layer.scoped(
  Dossiers,
  Effect.gen(function* () {
    const storage = yield* Storage
    const clock = yield* Effect.clock
    const scope = yield* Effect.scope
    const cache = new DossierCache(LIMIT)
    const tenants = new Map<TenantNumber, { readonly tenant: Tenant; readonly until: number }>()
    // One read before a change and stored after it would be stale for a minute, so that `forget` forgets these, too.
    const readings = new Map<UserNumber, Reading>()
    /** Storage has just failed: what is known is not asked for again before. */
    let awayUntil = 0

    /** One reading a user. It goes on when nobody waits any more: who was late with it asks again in a moment. */
    const read = (number: UserNumber): Effect.Effect<Option.Option<StoredDossier>, StorageError> =>
      Effect.suspend(() => {
        const underWay = readings.get(number)
        if (underWay !== undefined) return Fiber.join(underWay)
        return storage.dossier(number).pipe(
          Effect.interruptible,
          Effect.forkIn(scope),
          Effect.flatMap((reading) => {
            readings.set(number, reading)
            reading.addObserver((exit) => {
              if (readings.get(number) !== reading) return
              readings.delete(number)
              if (Exit.isSuccess(exit)) keep(number, exit.value)
            })
            return Fiber.join(reading)
          })
        )
      })

    const keep = (number: UserNumber, found: Option.Option<StoredDossier>): void => {
      if (Option.isNone(found)) cache.delete(number)
      else cache.set(number, { dossier: found.value, until: nowOf(clock) + FRESH_FOR })
    }

    const readTenant = (number: TenantNumber): Effect.Effect<Option.Option<Tenant>, StorageError> =>
      Effect.tap(storage.tenant(number), (found) => {
        if (Option.isNone(found)) return Effect.void
        tenants.delete(number)
        tenants.set(number, { tenant: found.value, until: nowOf(clock) + FRESH_FOR })
        const [oldest] = tenants.keys()
        if (tenants.size > TENANTS_MAX && oldest !== undefined) tenants.delete(oldest)
        return Effect.void
      })

    /**
     * What was true a while ago lets mails of cached users go on while storage is away, or slow: the reading goes on then, for
     * whoever asks next.
     */
    const orStale = <A>(refresh: Effect.Effect<Option.Option<A>, StorageError>, stale: A) =>
      Effect.forkIn(Effect.interruptible(refresh), scope).pipe(
        Effect.flatMap((reading) =>
          Effect.timeoutOption(Effect.interruptible(Fiber.join(reading)), REFRESHED_WITHIN)
        ),
        Effect.orElseSucceed(() => Option.none()),
        Effect.map((read) => {
          if (Option.isSome(read)) return read.value
          awayUntil = nowOf(clock) + ASKED_AGAIN_AFTER
          return Option.some(stale)
        })
      )

    const isGood = (until: number) => Math.max(until, awayUntil) > nowOf(clock)

    const tenantOf = (number: TenantNumber) => {
      const hit = tenants.get(number)
      if (hit !== undefined && isGood(hit.until)) return Effect.succeed(Option.some(hit.tenant))
      return hit === undefined ? readTenant(number) : orStale(readTenant(number), hit.tenant)
    }

    const storedOf = (number: UserNumber) => {
      const hit = cache.get(number)
      if (hit !== undefined && isGood(hit.until)) return Effect.succeed(Option.some(hit.dossier))
      return hit === undefined ? read(number) : orStale(read(number), hit.dossier)
    }

    /** Without storage, as most mails have it: both are known and fresh. */
    const atHand = (number: UserNumber): Dossier | undefined => {
      const stored = cache.get(number)
      if (stored === undefined || !isGood(stored.until)) return undefined
      const tenant = tenants.get(stored.dossier.user.tenant)
      return tenant !== undefined && isGood(tenant.until)
        ? { ...stored.dossier, tenant: tenant.tenant }
        : undefined
    }

    return {
      of: (number) =>
        Effect.suspend(() => {
          const known = atHand(number)
          if (known !== undefined) return Effect.succeed(Option.some(known))
          return Effect.flatMap(
            storedOf(number),
            Option.match({
              onNone: () => Effect.succeedNone,
              onSome: (stored) =>
                Effect.map(
                  tenantOf(stored.user.tenant),
                  Option.map((tenant): Dossier => ({ ...stored, tenant }))
                )
            })
          )
        }),
      forget: (number) =>
        Effect.sync(() => {
          cache.delete(number)
          readings.delete(number)
        })
    }
  })
)
