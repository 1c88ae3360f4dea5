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
    /** False while the platform's gateway is known to be down; then `send` answers `GatewayDown` at once, but for one probe now and then. */
    readonly isUp: (platform: Platform) => boolean
    readonly health: Effect.Effect<ReadonlyArray<GatewayHealth>>
  }
>() {}
