import { Effect, Option } from "effect"
import { reportTrouble } from "../../layers/telemetry/Troubles.ts"
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
    yield* reportTrouble({ fault: "callbacks-missing", where: host, what, told: true })
    yield* Effect.annotateLogs(log(what, { user }), "fault", "callbacks-missing")
  },
  Effect.catchAll((error) =>
    Effect.logWarning("a subscription was never called back", { reason: error.message })
  )
)

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
