import { Effect } from "effect"
import { EndpointPolicy, EwsUrlNotAllowed } from "../../layers/ews/EndpointPolicy.ts"
import type { EwsAccount } from "../../layers/ews/Ews.ts"
import type { LogInBudget } from "../../layers/ews/LogInBudget.ts"
import type { Tenant } from "../../layers/storage/Storage.ts"
import type { AuthType, RedactedCredentials } from "../../schemas/Credentials.ts"
import type { ExchangeVersion } from "../../schemas/EwsMessage.ts"
import type { ActivityId, UserNumber } from "../../schemas/Ids.ts"

/** Where and how a subscription's mailbox is reached, as it is stored with the subscription. */
export interface Mailbox {
  readonly ewsUrl: string
  readonly exchangeVersion: ExchangeVersion
  readonly authType: AuthType
}

/** Who calls, and why. */
export interface Cause {
  readonly user: UserNumber
  readonly credentials: RedactedCredentials
  readonly budget: LogInBudget
  /** UEM ids of the devices that it is for. */
  readonly devices: ReadonlyArray<string>
  readonly activityId: string
}

/** The account for EWS calls. Asks at every call whether credentials may still go there: lists change. */
export const accountFor = Effect.fnUntraced(function* (
  tenant: Tenant,
  mailbox: Mailbox,
  cause: Cause
): Effect.fn.Return<EwsAccount, EwsUrlNotAllowed, EndpointPolicy> {
  const policy = yield* EndpointPolicy
  const endpoint = yield* policy.recall(tenant, mailbox.ewsUrl)
  return {
    endpoint,
    // What is listed is trusted; a host that only Autodiscover named may send credentials nowhere else.
    allow: (url) =>
      Effect.filterOrFail(
        policy.recall(tenant, url),
        ({ listed }) => listed || hostOf(url) === hostOf(endpoint.url),
        () => new EwsUrlNotAllowed({ host: hostOf(url) })
      ),
    exchangeVersion: mailbox.exchangeVersion,
    authType: mailbox.authType,
    ...cause,
    activityId: cause.activityId as ActivityId
  }
})

const hostOf = (url: string): string => URL.parse(url)?.host ?? ""
