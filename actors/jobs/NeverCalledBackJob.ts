import { Effect, Option } from "effect"
import { reportTrouble, settleTrouble } from "../../layers/telemetry/Troubles.ts"
import type { UserNumber } from "../../schemas/Ids.ts"
import { Settings } from "../../schemas/Settings.ts"
import { Dossiers } from "../Dossiers.ts"
import { now } from "../Now.ts"

/** One firewall is in the way of all users of a host: so often is it worth a warning. */
const WARN_EVERY = 60 * 60_000
const HOSTS_MAX = 1_000

/** When a host was last warned of. Of each running service on its own: two of them have their own public URLs. */
const warned = new WeakMap<Dossiers["Type"], Map<string, number>>()

/** The commonest mistake of a first set-up, so the line says whom to tell what. One warning an hour for each host. */
export const neverCalledBackJob = Effect.fnUntraced(
  function* (user: UserNumber) {
    const dossiers = yield* Dossiers
    const dossier = Option.getOrUndefined(yield* dossiers.of(user))
    const { publicUrl } = yield* Settings
    const host = dossier?.subscription ? new URL(dossier.subscription.ewsUrl).host : "Exchange"
    const isNews = claim(dossiers, host, yield* now)
    const log = isNews ? Effect.logWarning : Effect.logDebug
    const what = `${host} accepted a subscription and never called back; check that it reaches ${publicUrl} and trusts its certificate`
    missingAt(dossiers).add(host)
    yield* reportTrouble({ fault: "callbacks-missing", where: host, what, told: true })
    yield* Effect.annotateLogs(log(what, { user }), "fault", "callbacks-missing")
  },
  Effect.catchAll((error) =>
    Effect.logWarning("a subscription was never called back", { reason: error.message })
  )
)

/** A callback came from there: the trouble is over, if it had one. undefined: it had none. */
export const calledBack = (dossiers: Dossiers["Type"], ewsUrl: string): Effect.Effect<void> | undefined => {
  const hosts = missing.get(dossiers)
  if (hosts === undefined || hosts.size === 0) return undefined
  const { host } = new URL(ewsUrl)
  return hosts.delete(host)
    ? Effect.zipRight(settleTrouble("callbacks-missing", host), Effect.logInfo(`${host} calls back now`))
    : undefined
}

/** The same for a user whose subscription was heard for the first time, or again. Asks nothing unless a host was reported. */
export const calledBackJob = (user: UserNumber): Effect.Effect<void, never, Dossiers> =>
  Effect.flatMap(Dossiers, (dossiers) =>
    (missing.get(dossiers)?.size ?? 0) === 0
      ? Effect.void
      : Effect.flatMap(dossiers.of(user), (found) => {
          const ewsUrl = Option.getOrUndefined(found)?.subscription?.ewsUrl
          return (ewsUrl === undefined ? undefined : calledBack(dossiers, ewsUrl)) ?? Effect.void
        })
  ).pipe(Effect.catchAll(() => Effect.void))

/** Hosts that were reported and have not called since. */
const missing = new WeakMap<Dossiers["Type"], Set<string>>()

const missingAt = (dossiers: Dossiers["Type"]): Set<string> => {
  const hosts = missing.get(dossiers) ?? new Set<string>()
  missing.set(dossiers, hosts)
  if (hosts.size >= HOSTS_MAX) hosts.clear()
  return hosts
}

/** True for the first one in an hour. */
const claim = (dossiers: Dossiers["Type"], host: string, at: number): boolean => {
  const hosts = warned.get(dossiers) ?? new Map<string, number>()
  warned.set(dossiers, hosts)
  const last = hosts.get(host)
  if (last !== undefined && at - last < WARN_EVERY) return false
  hosts.delete(host)
  hosts.set(host, at)
  const [oldest] = hosts.keys()
  if (hosts.size > HOSTS_MAX && oldest !== undefined) hosts.delete(oldest)
  return true
}
