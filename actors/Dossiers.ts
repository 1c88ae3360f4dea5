import { Context, Effect, Layer, Option } from "effect"
import { type Device, Storage, type Subscription, type Tenant, type User } from "../layers/storage/Storage.ts"
import type { UserNumber } from "../schemas/Ids.ts"
import type { StorageError } from "../schemas/StorageError.ts"

/** What storage keeps of a user: whole strings, devices and wrapped keys, which no actor holds. */
export interface Dossier {
  readonly user: User
  readonly tenant: Tenant
  /** undefined: no registration has succeeded yet. */
  readonly subscription: Subscription | undefined
  readonly devices: ReadonlyArray<Device>
}

/** A small cache of dossiers. Who changes something in storage says so with `forget`. */
export class Dossiers extends Context.Tag("ens/Dossiers")<
  Dossiers,
  {
    /** None: there is no such user. */
    readonly of: (user: UserNumber) => Effect.Effect<Option.Option<Dossier>, StorageError>
    readonly forget: (user: UserNumber) => Effect.Effect<void>
  }
>() {}

/** At most so many users; about 3 KB each. */
const CAPACITY = 4_000
/** Other processes (`ens token create`) change tenants, too. */
const FRESH_FOR = 60_000

export const layer: Layer.Layer<Dossiers, never, Storage> = Layer.effect(
  Dossiers,
  Effect.gen(function* () {
    const storage = yield* Storage
    const clock = yield* Effect.clock
    const cached = new Map<UserNumber, { readonly dossier: Dossier; readonly until: number }>()
    // A dossier read before a change and stored after it would be stale for a minute.
    const reading = new Map<UserNumber, number>()
    let turns = 0

    const keep = (dossier: Dossier) => {
      const { user } = dossier.user
      cached.delete(user)
      cached.set(user, { dossier, until: clock.unsafeCurrentTimeMillis() + FRESH_FOR })
      if (cached.size > CAPACITY) {
        const [oldest] = cached.keys()
        if (oldest !== undefined) cached.delete(oldest)
      }
    }

    const read = Effect.fnUntraced(function* (number: UserNumber) {
      const user = yield* storage.user(number)
      if (Option.isNone(user)) return Option.none<Dossier>()
      const tenant = yield* storage.tenant(user.value.tenant)
      if (Option.isNone(tenant)) return Option.none<Dossier>()
      const subscription = yield* storage.subscription(number)
      const devices = yield* storage.devices(number)
      return Option.some({
        user: user.value,
        tenant: tenant.value,
        subscription: Option.getOrUndefined(subscription),
        devices
      })
    })

    const of = (number: UserNumber) =>
      Effect.suspend(() => {
        const hit = cached.get(number)
        if (hit !== undefined && hit.until > clock.unsafeCurrentTimeMillis()) {
          return Effect.succeed(Option.some(hit.dossier))
        }
        const turn = ++turns
        reading.set(number, turn)
        return read(number).pipe(
          Effect.tap((dossier) =>
            Effect.sync(() => {
              if (reading.get(number) === turn && Option.isSome(dossier)) keep(dossier.value)
            })
          ),
          // Storage is away: what was true a while ago lets mails of cached users go on.
          Effect.catchAll((error) =>
            hit === undefined ? Effect.fail(error) : Effect.succeed(Option.some(hit.dossier))
          ),
          Effect.ensuring(
            Effect.sync(() => {
              if (reading.get(number) === turn) reading.delete(number)
            })
          )
        )
      })

    const forget = (number: UserNumber) =>
      Effect.sync(() => {
        cached.delete(number)
        reading.delete(number)
      })

    return { of, forget }
  })
)
