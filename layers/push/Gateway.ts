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
  /** Asks the gateway something that reaches no device, to find out whether it lets us in. For `ens doctor`. */
  readonly probe?: Effect.Effect<Probed>
  /** What the gateway cannot do without, and that ends at a known time. */
  readonly expires?: ReadonlyArray<Expiry>
}

/**
 * What came of a question that reaches no device: the gateway lets us in, refuses our log-in, or cannot say (network, trouble
 * there). `says`: what was asked and answered, or the cause; fit for operators.
 */
export interface Probed {
  readonly outcome: "works" | "refused" | "down"
  readonly says: string
  /** The header `Date` of the answer, where it is known. */
  readonly date?: string
}

/** A certificate, key or pin. */
export interface Expiry {
  readonly what: string
  /** Milliseconds since 1970. */
  readonly at: number
}
