import { Effect } from "effect"
import { Autodiscover } from "../../layers/ews/Autodiscover.ts"
import { isRediscover } from "../../layers/ews/EwsErrors.ts"
import type { Tenant } from "../../layers/storage/Storage.ts"
import type { EwsError } from "../../schemas/EwsError.ts"

/** Whether the mailbox may be found at another URL: Exchange says so, or nobody is there. */
export const isUrlTrouble = (error: EwsError): boolean =>
  error._tag === "EwsUnreachable" || isRediscover(error)

/** After such trouble, what led to the URL is asked anew the next time that Autodiscover is asked. */
export const forgetUrl = (
  tenant: Tenant,
  url: string,
  error: EwsError
): Effect.Effect<void, never, Autodiscover> =>
  isUrlTrouble(error)
    ? Effect.flatMap(Autodiscover, (autodiscover) => autodiscover.forget(tenant, url))
    : Effect.void
