import { Effect } from "effect"
import type { Push } from "../../layers/push/Push.ts"
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
 * One verdict per parcel, in order; what is not sent at `until` (milliseconds, as `now`), when the job is interrupted,
 * counts as a gateway that is down. Until then the push stage tries again what holds something new; what waits in the
 * outbox anyway can wait there.
 */
export const sendParcels = (
  push: Push["Type"],
  parcels: ReadonlyArray<Parcel>,
  until: number
): Effect.Effect<ReadonlyArray<Sent>> =>
  Effect.flatMap(now, (at) => {
    const verdicts = new Map<Parcel, Verdict>()
    const toSend = parcels.filter(
      ({ notification, postponed }) => notification !== undefined && !postponed && at < until
    )
    const sent = () =>
      parcels.map((parcel) => ({ ...parcel, verdict: verdicts.get(parcel) ?? untried(parcel) }))
    if (toSend.length === 0) return Effect.succeed(sent())
    return Effect.matchCauseEffect(Effect.interruptible(send(push, toSend, until, verdicts)), {
      onFailure: (cause) =>
        Effect.flatMap(now, (end) => (end < until ? Effect.failCause(cause) : Effect.succeed(sent()))),
      onSuccess: () => Effect.succeed(sent())
    })
  })

/** Notes the verdicts. Plain callbacks, because fibers for each device and parcel would cost more than sending. */
const send = (
  push: Push["Type"],
  parcels: ReadonlyArray<Parcel>,
  until: number,
  verdicts: Map<Parcel, Verdict>
): Effect.Effect<void> =>
  Effect.async((resume) => {
    const underWay = new Set<() => void>()
    let left = parcels.length
    const lane = (waiting: Iterator<Parcel>) => {
      const { done, value: parcel } = waiting.next()
      if (done === true) return
      let giveUp: (() => void) | undefined
      let isOver = false
      giveUp = push.post(parcel.notification!, parcel.fresh.length > 0 ? until : undefined, (verdict) => {
        isOver = true
        if (giveUp !== undefined) underWay.delete(giveUp)
        verdicts.set(parcel, verdict)
        if (--left === 0) resume(Effect.void)
        else lane(waiting)
      })
      if (!isOver) underWay.add(giveUp)
    }
    for (const ofDevice of Map.groupBy(parcels, ({ device }) => device.device).values()) {
      const waiting = ofDevice.values()
      for (let i = 0; i < Math.min(SENDS_AT_ONCE, ofDevice.length); i++) lane(waiting)
    }
    return Effect.sync(() => {
      for (const giveUp of underWay) giveUp()
    })
  })

const untried = ({ notification }: Parcel): Verdict => (notification === undefined ? NOTHING_TO_SEND : LATE)

const NOTHING_TO_SEND = Verdict.Delivered()
const LATE = Verdict.GatewayDown({ reason: "not sent in time" })
