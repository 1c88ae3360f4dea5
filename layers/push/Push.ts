import { Context, type Effect } from "effect"
import type { Platform, PushNotification, Verdict } from "../../schemas/Push.ts"
import type { GatewayName } from "../../schemas/Settings.ts"

/** How a gateway is doing, for readiness, metrics and the outbox. */
export interface GatewayHealth {
  readonly gateway: GatewayName
  readonly up: boolean
  readonly lastError: string | undefined
  /** Milliseconds since 1970; undefined while up. */
  readonly downSince: number | undefined
}

/** The one push stage: every notification goes through here and gets one verdict. */
export class Push extends Context.Tag("ens/Push")<
  Push,
  {
    /** Never fails: trouble is a verdict. `RetryLater` and `GatewayDown` are not tried again here. */
    readonly send: (notification: PushNotification) => Effect.Effect<Verdict>
    /**
     * Whether sending to the platform's gateway makes sense now. False while it is known to be down or throttles; then
     * `send` answers at once, without asking it. True again for a moment whenever a probe is due, so that whoever holds
     * notifications back and sends one when this is true finds out that the gateway has returned.
     */
    readonly isUp: (platform: Platform) => boolean
    readonly health: Effect.Effect<ReadonlyArray<GatewayHealth>>
  }
>() {}
