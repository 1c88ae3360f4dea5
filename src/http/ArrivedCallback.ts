import { randomUUID } from "node:crypto"
import { Redacted } from "effect"
import type { CallbackAddress } from "../../layers/crypto/CallbackSeal.ts"
import type { EwsEvent, EwsNotification } from "../../schemas/EwsMessage.ts"
import type { ActivityId, Generation, SubscriptionId, Watermark } from "../../schemas/Ids.ts"
import type { Callback } from "../../schemas/SubscriptionMessage.ts"

/**
 * A callback as it goes to its actor. Most are heartbeats, of which nothing is logged and whose credentials nobody needs:
 * the activity id and the wrapped `f` are made when they are asked for.
 */
export class ArrivedCallback implements Callback {
  readonly _tag = "Callback"
  readonly generation: Generation
  readonly subscriptionId: SubscriptionId | undefined
  readonly previousWatermark: Watermark | undefined
  readonly events: ReadonlyArray<EwsEvent>
  readonly errorCode: string | undefined
  readonly hurried: boolean
  readonly #f: string
  #activityId: ActivityId | undefined = undefined

  constructor(notification: EwsNotification, address: CallbackAddress, f: string, hurried: boolean) {
    const isBroken = notification._tag === "Error"
    this.generation = address.generation
    this.subscriptionId = notification.subscriptionId
    this.previousWatermark = isBroken ? undefined : notification.previousWatermark
    this.events = isBroken ? NONE : notification.events
    this.errorCode = isBroken ? notification.responseCode : undefined
    this.hurried = hurried
    this.#f = f
  }

  get activityId(): ActivityId {
    this.#activityId ??= randomUUID() as ActivityId
    return this.#activityId
  }

  /** The activity id, if anybody has asked for it: nobody does for a heartbeat. */
  get knownActivityId(): ActivityId | undefined {
    return this.#activityId
  }

  get f(): Redacted.Redacted<string> {
    return Redacted.make(this.#f)
  }
}

const NONE: ReadonlyArray<EwsEvent> = []
