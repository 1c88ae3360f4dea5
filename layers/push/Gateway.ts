import type { Effect } from "effect"
import type { PushNotification, Verdict } from "../../schemas/Push.ts"
import type { GatewayName } from "../../schemas/Settings.ts"

/** One push service. Implementations pass the shared gateway suite. */
export interface Gateway {
  readonly name: GatewayName
  /** How many notifications one request may carry. */
  readonly batchSize: number
  /** How many requests may be under way at once. */
  readonly slots: number
  /** One verdict per notification, in order. Nothing is tried twice; the push stage does that. */
  readonly send: (batch: ReadonlyArray<PushNotification>) => Effect.Effect<ReadonlyArray<Verdict>>
  /** What the gateway cannot do without, and that ends at a known time. */
  readonly expires?: ReadonlyArray<Expiry>
}

/** A certificate, key or pin. */
export interface Expiry {
  readonly what: string
  /** Milliseconds since 1970. */
  readonly at: number
}
