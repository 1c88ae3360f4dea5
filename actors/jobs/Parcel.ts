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
  readonly fresh: ReadonlyArray<OutboxEntry>
  /** What leaves the outbox if it is. */
  readonly stored: ReadonlyArray<OutboxEntry>
  /** It goes into the outbox untried, behind what waits there for this device. */
  readonly postponed: boolean
  readonly badge: number | undefined
}

export interface Sent extends Parcel {
  readonly verdict: Verdict
}

/** For each device of its own, so that one whose push service is slow takes no turn from the others. */
const SENDS_AT_ONCE = 8

/**
 * One verdict per parcel, in order; what is not sent at `until` (milliseconds, as `now`) counts as a gateway that is down.
 * Until then the push stage tries again what holds something new; what waits in the outbox anyway can wait there.
 */
export const sendParcels = Effect.fnUntraced(function* (
  parcels: ReadonlyArray<Parcel>,
  until: number
): Effect.fn.Return<ReadonlyArray<Sent>, never, Push> {
  const push = yield* Push
  const left = until - (yield* now)
  const verdicts = new Map<Parcel, Verdict>()
  const sendOne = (parcel: Parcel) => {
    const { fresh, notification, postponed } = parcel
    if (notification === undefined || postponed || left <= 0) return Effect.void
    return Effect.map(push.send(notification, fresh.length > 0 ? until : undefined), (verdict) =>
      verdicts.set(parcel, verdict)
    )
  }
  yield* Effect.forEach(
    Map.groupBy(parcels, ({ device }) => device.device).values(),
    (ofDevice) => Effect.forEach(ofDevice, sendOne, { concurrency: SENDS_AT_ONCE, discard: true }),
    { concurrency: "unbounded", discard: true }
  ).pipe(Effect.timeoutTo({ duration: Math.max(left, 0), onSuccess: () => {}, onTimeout: () => {} }))
  return parcels.map((parcel) => ({ ...parcel, verdict: verdicts.get(parcel) ?? untried(parcel) }))
})

const untried = ({ notification }: Parcel): Verdict => (notification === undefined ? NOTHING_TO_SEND : LATE)

const NOTHING_TO_SEND = Verdict.Delivered()
const LATE = Verdict.GatewayDown({ reason: "not sent in time" })
