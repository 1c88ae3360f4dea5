import { Effect } from "effect"
import { type Device, Storage } from "../../layers/storage/Storage.ts"
import type { UserNumber } from "../../schemas/Ids.ts"
import type { Verdict } from "../../schemas/Push.ts"
import { changing } from "../Dossiers.ts"
import { History } from "../History.ts"

/**
 * Removes the devices whose token the gateway calls dead, unless they changed it or registered since. True if no device is
 * left: the actor sees to the rest, because a device may be registering at this moment. Never fails.
 */
export const removeDeadDevices = Effect.fnUntraced(function* (
  user: UserNumber,
  sent: ReadonlyArray<{ readonly device: Device; readonly verdict: Verdict }>
) {
  const dead = new Map(
    sent.filter(({ device, verdict }) => isDead(device, verdict)).map(({ device }) => [device.device, device])
  )
  if (dead.size === 0) return false
  return yield* remove(user, [...dead.values()]).pipe(
    Effect.catchAll((error) =>
      Effect.as(Effect.logWarning("a dead device could not be removed", { reason: error.message }), false)
    )
  )
})

/** Removes a user of whom no device is left. True if the user is gone. Never fails: the next mail tries again. */
export const removeUserJob = Effect.fnUntraced(
  function* (user: UserNumber) {
    const gone = yield* (yield* Storage).deleteUserWithoutDevices(user).pipe(changing(user))
    if (gone) yield* Effect.logInfo("the user has no device any more and is forgotten")
    return gone
  },
  Effect.catchAll((error) =>
    Effect.as(
      Effect.logWarning("a user without devices could not be removed", { reason: error.message }),
      false
    )
  )
)

/** Whether the gateway calls the device's token dead, and means the one that it registered with last. */
export const isDead = ({ registeredAt }: Device, verdict: Verdict): boolean =>
  verdict._tag === "TokenDead" && (verdict.since === undefined || verdict.since >= registeredAt)

/** False if the device changed its token or registered since: it stays. Whoever remembers devices is to be told by the caller. */
export const removeDead = Effect.fnUntraced(function* (user: UserNumber, device: Device) {
  const removed = yield* (yield* Storage).deleteDevice(user, device)
  if (removed) {
    ;(yield* History).note(user, "device", `device ${device.device} is removed: its push token is dead`)
    yield* Effect.logInfo("a device's push token is dead; the device is removed", { device: device.device })
  }
  return removed
})

const remove = Effect.fnUntraced(function* (user: UserNumber, dead: ReadonlyArray<Device>) {
  for (const device of dead) yield* removeDead(user, device).pipe(changing(user))
  return (yield* (yield* Storage).devices(user)).length === 0
})
