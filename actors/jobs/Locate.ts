import { Effect } from "effect"
import { Autodiscover } from "../../layers/ews/Autodiscover.ts"
import { EndpointPolicy, EwsUrlNotAllowed } from "../../layers/ews/EndpointPolicy.ts"
import type { LogInBudget } from "../../layers/ews/LogInBudget.ts"
import type { ExchangeVersion } from "../../schemas/EwsMessage.ts"
import type { Register } from "../../schemas/SubscriptionMessage.ts"
import type { Dossier } from "../Dossiers.ts"
import { now } from "../Now.ts"

/** Milliseconds for finding the mailbox; what is left of the time that a device waits is for the calls. */
const AUTODISCOVER_TIME = 10_000

/** Where a registering mailbox is. */
export interface Place {
  readonly ewsUrl: string
  /** What Autodiscover says that the server speaks. */
  readonly version: ExchangeVersion | undefined
  /** A Secure Email Gateway stands there. */
  readonly seg: boolean
  /** Autodiscover led to it: it may lead elsewhere when this stops working. */
  readonly discovered: boolean
}

/**
 * The EWS URL to use: the one that the policy chooses, else what Autodiscover says. Where only Autodiscover can tell
 * whether the device's own URL is right, its host must be the same. `until` as in `persistently`.
 */
export const locate = Effect.fnUntraced(function* (
  { tenant, user }: Dossier,
  request: Register,
  budget: LogInBudget,
  until: number
) {
  const choice = yield* (yield* EndpointPolicy).choose(tenant, request.ewsUrl)
  if (choice._tag === "Endpoint") {
    const { seg, url } = choice.endpoint
    return { ewsUrl: url, version: undefined, seg, discovered: false } satisfies Place
  }
  const caller = {
    user: user.user,
    authType: request.authType,
    credentials: request.credentials,
    budget,
    activityId: request.activityId,
    devices: devicesOf(request)
  }
  const left = Math.min(AUTODISCOVER_TIME, until - (yield* now))
  const { endpoint, version } = yield* (yield* Autodiscover).find(tenant, caller, left)
  const found: Place = { ewsUrl: endpoint.url, version, seg: endpoint.seg, discovered: true }
  if (choice.wanted === undefined) return found
  const wanted = new URL(choice.wanted)
  if (wanted.host !== new URL(endpoint.url).host) return yield* new EwsUrlNotAllowed({ host: wanted.host })
  return { ...found, ewsUrl: wanted.href }
})

/** The UEM id of the device that registers. */
export const devicesOf = ({ device }: Register): ReadonlyArray<string> =>
  device.deviceId === null ? [] : [device.deviceId]
