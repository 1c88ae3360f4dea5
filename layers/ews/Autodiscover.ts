import { Context, type Effect } from "effect"
import type { EwsError } from "../../schemas/EwsError.ts"
import type { ExchangeVersion } from "../../schemas/EwsMessage.ts"
import type { Tenant } from "../storage/Storage.ts"
import type { AllowedEndpoint, EwsUrlUnknown } from "./EndpointPolicy.ts"
import type { Caller } from "./HttpSessions.ts"

/** What Autodiscover yields. */
export interface Discovered {
  readonly endpoint: AllowedEndpoint
  /** undefined: Autodiscover did not say. */
  readonly version: ExchangeVersion | undefined
}

/** Where a mailbox is (FACTS section 9). */
export class Autodiscover extends Context.Tag("ens/Autodiscover")<
  Autodiscover,
  {
    /**
     * Asks for the EWS URL of `credentials.address`, or remembers it. Log-ins that are rejected count on the caller's budget;
     * `EwsError` only if that budget is spent (`EwsUnauthorized`), all other trouble is `EwsUrlUnknown`.
     */
    readonly find: (
      tenant: Tenant,
      caller: Omit<Caller, "allow">,
      timeout: number
    ) => Effect.Effect<Discovered, EwsUrlUnknown | EwsError>
    /** The URL has stopped working: what led to it is asked anew the next time. */
    readonly forget: (tenant: Tenant, url: string) => Effect.Effect<void>
  }
>() {}
