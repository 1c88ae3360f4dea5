import { Effect, Option } from "effect"
import { reportTrouble, settleTrouble } from "../../layers/telemetry/Troubles.ts"
import type { FaultName } from "../../schemas/Fault.ts"
import type { UserNumber } from "../../schemas/Ids.ts"
import { Dossiers } from "../Dossiers.ts"
import { now } from "../Now.ts"

/** Users whose host is looked up in a minute. When a whole Exchange falls silent, those beyond count without their host's name. */
const LOOKED_UP = 60
const MINUTE = 60_000

/** Reports what an actor noticed of its own subscription, at the user's Exchange host. The log is told of each user. */
export const reportOfUser = (user: UserNumber, fault: FaultName, what: string) =>
  Effect.flatMap(Effect.zip(Dossiers, now), ([dossiers, at]) =>
    mayLookUp(dossiers, at)
      ? Effect.map(dossiers.of(user), (found) => hostOf(Option.getOrUndefined(found)?.subscription?.ewsUrl))
      : Effect.succeed(ANY)
  ).pipe(
    Effect.orElseSucceed(() => ANY),
    Effect.flatMap((where) => reportTrouble({ fault, where, what, told: true }))
  )

/** A subscription was made there: the URL is right, and may be used. */
export const worksAt = (ewsUrl: string): Effect.Effect<void> =>
  Effect.zipRight(
    settleTrouble("ews-url-wrong", hostOf(ewsUrl)),
    settleTrouble("ews-url-not-allowed", hostOf(ewsUrl))
  )

const ANY = "Exchange"

const hostOf = (url: string | undefined): string => (url === undefined ? ANY : new URL(url).host)

/** Of each running service on its own. */
const lookUps = new WeakMap<Dossiers["Type"], { since: number; count: number }>()

const mayLookUp = (dossiers: Dossiers["Type"], at: number): boolean => {
  const known = lookUps.get(dossiers)
  if (known === undefined || at - known.since >= MINUTE) {
    lookUps.set(dossiers, { since: at, count: 1 })
    return true
  }
  known.count += 1
  return known.count <= LOOKED_UP
}
