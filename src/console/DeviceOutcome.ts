import { Effect } from "effect"
import { DossierChanges } from "../../actors/DossierChanges.ts"
import { isDead, removeDead } from "../../actors/jobs/DeadDevices.ts"
import type { Device } from "../../layers/storage/Storage.ts"
import type { UserNumber } from "../../schemas/Ids.ts"
import type { Verdict } from "../../schemas/Push.ts"

/** What became of a notification to one device. */
export interface DeviceOutcome {
  readonly device: Pick<Device, "device" | "platform">
  readonly ok: boolean
  readonly text: string
}

/**
 * What the gateway said of a notification to this device, in words. A device whose token it calls dead is removed, as when a
 * mail tells so.
 */
export const settled = Effect.fnUntraced(function* (user: UserNumber, device: Device, verdict: Verdict) {
  const outcome = { device, ...outcomeOf(verdict) }
  if (!isDead(device, verdict)) return outcome
  // The actors are to forget it, too, also if storage did it and its answer got lost.
  const { changed } = yield* DossierChanges
  const removed = yield* removeDead(user, device).pipe(
    Effect.ensuring(changed(user)),
    Effect.catchAll((error) =>
      Effect.as(Effect.logWarning("a dead device could not be removed", { reason: error.message }), false)
    )
  )
  return removed
    ? { ...outcome, text: "its push token is dead, so it is removed until the app registers" }
    : outcome
})

const outcomeOf = (verdict: Verdict): Pick<DeviceOutcome, "ok" | "text"> => {
  switch (verdict._tag) {
    case "Delivered":
      return { ok: true, text: "the gateway took it" }
    case "TokenDead":
      return { ok: false, text: "its push token is dead, the app has to register" }
    case "RetryLater":
      return { ok: false, text: "the gateway asks to try later" }
    case "Rejected":
      return { ok: false, text: `the gateway rejects it (${verdict.reason})` }
    case "GatewayDown":
      return { ok: false, text: `the gateway is down (${verdict.reason})` }
  }
}

/** All devices in one sentence, such as `Test: device 1 (iOS): the gateway took it; device 2 (Android): ….` */
export const sentence = (what: string, outcomes: ReadonlyArray<DeviceOutcome>): string =>
  `${what}: ${outcomes.map(({ device, text }) => `device ${device.device} (${device.platform}): ${text}`).join("; ")}.`
