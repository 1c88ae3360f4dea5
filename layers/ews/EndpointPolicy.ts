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

/**
 * No URL was given and none is listed, and Autodiscover gave none: it could not be reached or may not be asked (code 14),
 * or it answered without one that may be used (code 16). `retryAfter`: milliseconds that it asks to wait. The first
 * sentences are ENS2's.
 */
export class EwsUrlUnknown extends Schema.TaggedError<EwsUrlUnknown>()("EwsUrlUnknown", {
  answered: Schema.Boolean,
  retryAfter: Schema.optionalWith(Schema.Number, { exact: true })
}) {
  override get message() {
    return this.answered
      ? "Unable to determine the Exchange version after autodiscovery. Autodiscover answered, but named no EWS URL that may be used."
      : "The Autodiscover service couldn't be located."
  }
}

/** A URL that credentials may be sent to. */
export interface AllowedEndpoint {
  readonly url: string
  /** `listed` hosts may have private or loopback addresses and other ports than 443. */
  readonly listed: boolean
  /** SHA-256 fingerprints, lower-case hex, of which the server's certificate or public key must have one; empty = no pins. */
  readonly pins: ReadonlyArray<string>
  /** A Secure Email Gateway stands there. */
  readonly seg: boolean
}

/** Which endpoint a registration may use. */
export type Choice =
  | { readonly _tag: "Endpoint"; readonly endpoint: AllowedEndpoint }
  /**
   * Nothing is listed for the tenant: Autodiscover must say. `wanted`: the device's URL, whose host it must confirm.
   * `unlisted`: hosts may be asked that nobody listed, so a device must not learn how each of them failed.
   */
  | { readonly _tag: "Autodiscover"; readonly wanted: string | undefined; readonly unlisted: boolean }

/**
 * Decides where credentials may go. Asked at every call, not only at registration, so that a host taken off the list
 * gets no credential any more. The address that a connection really uses is checked again when it is made.
 */
export class EndpointPolicy extends Context.Tag("ens/EndpointPolicy")<
  EndpointPolicy,
  {
    /** `requested`: the device's choice; undefined = the first that is listed, else Autodiscover. Needs no credentials. */
    readonly choose: (
      tenant: Tenant,
      requested: string | undefined
    ) => Effect.Effect<Choice, EwsUrlNotAllowed>
    /**
     * A URL that this tenant's registration, or Autodiscover over HTTPS, has led to: it must be listed if anything is, else
     * https on port 443.
     */
    readonly recall: (tenant: Tenant, url: string) => Effect.Effect<AllowedEndpoint, EwsUrlNotAllowed>
  }
>() {}
