import { Effect } from "effect"
import { Push } from "../../layers/push/Push.ts"
import type { Device, OutboxEntry } from "../../layers/storage/Storage.ts"
import { type PushNotification, Verdict } from "../../schemas/Push.ts"
import { now } from "../Now.ts"

/** A notification and what it settles. */
export interface Parcel {
  readonly device: Device
  /** undefined: this device is to learn nothing. */
  readonly notification: PushNotification | undefined
  /** What goes into the outbox if it is not taken. */
  readonly entries: ReadonlyArray<OutboxEntry>
  /** The entries are in the outbox already. */
  readonly stored: boolean
  /** It goes into the outbox untried, behind what waits there for this device. */
  readonly postponed: boolean
  readonly badge: number | undefined
}

export interface Sent extends Parcel {
  readonly verdict: Verdict
}

const SENDS_AT_ONCE = 16

/** One verdict per parcel; what is not sent at `until` (milliseconds since 1970) counts as a gateway that is down. */
export const sendParcels = Effect.fnUntraced(function* (parcels: ReadonlyArray<Parcel>, until: number) {
  const push = yield* Push
  const late = Verdict.GatewayDown({ reason: "not sent in time" })
  const sendOne = Effect.fnUntraced(function* ({ notification, postponed }: Parcel) {
    if (notification === undefined) return Verdict.Delivered()
    // Looked at for each of them: those that wait for their turn share the time that is left.
    const left = until - (yield* now)
    if (postponed || left <= 0) return late
    return yield* push
      .send(notification)
      .pipe(Effect.timeoutTo({ duration: left, onSuccess: (verdict) => verdict, onTimeout: () => late }))
  })
  return yield* Effect.forEach(
    parcels,
    (parcel): Effect.Effect<Sent> => Effect.map(sendOne(parcel), (verdict) => ({ ...parcel, verdict })),
    { concurrency: SENDS_AT_ONCE }
  )
})
