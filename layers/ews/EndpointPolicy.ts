import { Context, type Effect, Schema } from "effect"
import type { Tenant } from "../storage/Storage.ts"

/** The EWS URL is not one that credentials may go to (contract section 3, "Where credentials may go"): code 35. */
export class EwsUrlNotAllowed extends Schema.TaggedError<EwsUrlNotAllowed>()("EwsUrlNotAllowed", {
  host: Schema.String
}) {
  override get message() {
    return "the EWS URL is not in this tenant's list; ask the administrator to allow it (ens token create --ews-url, or ENS_EWS_ALLOWED_HOSTS)"
  }
}

/** No URL was given and none is listed, and Autodiscover gave none. `answered`: code 16, else 14. */
export class EwsUrlUnknown extends Schema.TaggedError<EwsUrlUnknown>()("EwsUrlUnknown", {
  answered: Schema.Boolean
}) {
  override get message() {
    return "The Autodiscover service couldn't be located."
  }
}

/** A URL that credentials may be sent to. `listed` hosts may have private or loopback addresses and other ports than 443. */
export interface AllowedEndpoint {
  readonly url: string
  readonly listed: boolean
}

/**
 * Decides where credentials may go. Asked at every call, not only at registration, so that a host taken off the list
 * gets no credential any more. The address that a connection really uses is checked again when it is made.
 */
export class EndpointPolicy extends Context.Tag("ens/EndpointPolicy")<
  EndpointPolicy,
  {
    /** `requested`: the device's choice, or the URL stored with the subscription; undefined = the first that is listed. */
    readonly choose: (
      tenant: Tenant,
      requested: string | undefined
    ) => Effect.Effect<AllowedEndpoint, EwsUrlNotAllowed | EwsUrlUnknown>
  }
>() {}
