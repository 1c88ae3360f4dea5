import { Effect } from "effect"
import { Storage } from "../../layers/storage/Storage.ts"
import type { UserNumber } from "../../schemas/Ids.ts"
import { Settings } from "../../schemas/Settings.ts"
import { History } from "../History.ts"
import { now } from "../Now.ts"
import type { Sent } from "./Parcel.ts"

/**
 * Notes which notifications were given up because the gateway never takes them, among the user's dead letters: of what
 * kind and for which device, why and when; no content. One for each device, because the others say the same. Never fails.
 */
export const noteRejections = Effect.fnUntraced(function* (user: UserNumber, sent: ReadonlyArray<Sent>) {
  const rejected = new Map(
    sent.flatMap(({ device, notification, verdict }) =>
      verdict._tag === "Rejected" && notification !== undefined
        ? [[device.device, { device, kind: notification.kind, reason: verdict.reason }] as const]
        : []
    )
  )
  if (rejected.size === 0) return
  const storage = yield* Storage
  const { push } = yield* Settings
  const at = yield* now
  for (const { device, kind, reason } of rejected.values()) {
    const gateway = device.platform === "iOS" ? push.ios : push.android
    yield* Effect.logWarning("a push gateway refused a notification; it is given up", {
      gateway,
      device: device.device,
      kind,
      reason
    })
    ;(yield* History).note(
      user,
      "error",
      `${gateway} refuses a notification for device ${device.device}; given up: ${reason}`
    )
    yield* storage
      .addDeadLetter({
        user,
        digest: `${kind} to device ${device.device}`,
        reason: `${gateway}: ${reason}`,
        at
      })
      .pipe(Effect.catchAll((error) => Effect.logDebug("it cannot be noted", { reason: error.message })))
  }
})
