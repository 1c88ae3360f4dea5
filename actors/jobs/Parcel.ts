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
 * One verdict per parcel; what is not sent at `until` (milliseconds, as `now`) counts as a gateway that is down.
 * Until then the push stage tries again what holds something new; what waits in the outbox anyway can wait there.
 */
export const sendParcels = Effect.fnUntraced(function* (parcels: ReadonlyArray<Parcel>, until: number) {
  const push = yield* Push
  const sendOne = Effect.fnUntraced(function* ({ fresh, notification, postponed }: Parcel) {
    if (notification === undefined) return Verdict.Delivered()
    // Looked at for each of them: those that wait for their turn share the time that is left.
    const left = until - (yield* now)
    if (postponed || left <= 0) return LATE
    return yield* push
      .send(notification, fresh.length > 0 ? until : undefined)
      .pipe(Effect.timeoutTo({ duration: left, onSuccess: (verdict) => verdict, onTimeout: () => LATE }))
  })
  const sent = new Map<Parcel, Sent>()
  yield* Effect.forEach(
    Map.groupBy(parcels, ({ device }) => device.device).values(),
    (ofDevice) =>
      Effect.forEach(
        ofDevice,
        (parcel) => Effect.map(sendOne(parcel), (verdict) => sent.set(parcel, { ...parcel, verdict })),
        { concurrency: SENDS_AT_ONCE, discard: true }
      ),
    { concurrency: "unbounded", discard: true }
  )
  return [...sent.values()]
})

const LATE = Verdict.GatewayDown({ reason: "not sent in time" })
