import { Context, type Effect } from "effect"
import type { Platform, PushNotification, Verdict } from "../../schemas/Push.ts"
import type { GatewayName } from "../../schemas/Settings.ts"
import type { Expiry } from "./Gateway.ts"

/** How a gateway is doing, for readiness, metrics and the outbox. Times are milliseconds since 1970; no content. */
export interface GatewayHealth {
  readonly gateway: GatewayName
  readonly up: boolean
  /** undefined while up. */
  readonly downSince: number | undefined
  /** The last one that there was, also when the gateway has been up again since. */
  readonly lastError: string | undefined
  readonly lastErrorAt: number | undefined
  /** Requests under way. */
  readonly underWay: number
  /** Notifications that wait for a slot. */
  readonly waiting: number
  /** Since when the one that waits longest does. */
  readonly oldestWaiting: number | undefined
  /** Since when requests are under way and none is answered, if that is conspicuously long. */
  readonly stalledSince: number | undefined
  readonly expires: ReadonlyArray<Expiry>
}

/** The one push stage: every notification goes through here and gets one verdict. */
export class Push extends Context.Tag("ens/Push")<
  Push,
  {
    /**
     * Never fails: trouble is a verdict. With `until` (milliseconds, on the line of actors/Now.ts) `RetryLater` and trouble
     * that may pass are tried again as long as a further try can begin before; a request that is under way then goes on.
     * Without it everything is tried once.
     */
    readonly send: (notification: PushNotification, until?: number) => Effect.Effect<Verdict>
    /**
     * As `send`, without an effect: `answered` gets the verdict, once, perhaps before this returns. The returned function
     * gives up waiting for it, as interrupting `send` does; it does nothing after the end.
     */
    readonly post: (
      notification: PushNotification,
      until: number | undefined,
      answered: (verdict: Verdict) => void
    ) => () => void
    /**
     * Whether sending to the platform's gateway makes sense now. False while it is known to be down or throttles; then
     * `send` answers at once, without asking it. True again for a moment whenever a probe is due, so that whoever holds
     * notifications back and sends one when this is true finds out that the gateway has returned.
     */
    readonly isUp: (platform: Platform) => boolean
    readonly health: Effect.Effect<ReadonlyArray<GatewayHealth>>
  }
>() {}
