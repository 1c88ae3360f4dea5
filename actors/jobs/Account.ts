import { Effect } from "effect"
import { EndpointPolicy, type EwsUrlNotAllowed, type EwsUrlUnknown } from "../../layers/ews/EndpointPolicy.ts"
import type { EwsAccount } from "../../layers/ews/Ews.ts"
import type { Tenant } from "../../layers/storage/Storage.ts"
import type { AuthType, RedactedCredentials } from "../../schemas/Credentials.ts"
import type { ExchangeVersion } from "../../schemas/EwsMessage.ts"
import type { ActivityId } from "../../schemas/Ids.ts"

/** Where and how a subscription's mailbox is reached, as it is stored with the subscription. */
export interface Mailbox {
  readonly ewsUrl: string
  readonly exchangeVersion: ExchangeVersion
  readonly authType: AuthType
}

/** The account for EWS calls. Asks at every call whether credentials may still go there: lists change. */
export const accountFor = Effect.fnUntraced(function* (
  tenant: Tenant,
  mailbox: Mailbox,
  credentials: RedactedCredentials,
  activityId: string
): Effect.fn.Return<(timeout: number) => EwsAccount, EwsUrlNotAllowed | EwsUrlUnknown, EndpointPolicy> {
  const endpoint = yield* (yield* EndpointPolicy).choose(tenant, mailbox.ewsUrl)
  return (timeout) => ({
    endpoint,
    exchangeVersion: mailbox.exchangeVersion,
    authType: mailbox.authType,
    credentials,
    activityId: activityId as ActivityId,
    timeout
  })
})
