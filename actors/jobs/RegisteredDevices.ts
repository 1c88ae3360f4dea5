import { Effect } from "effect"
import { type Device, type NewDevice, Storage } from "../../layers/storage/Storage.ts"
import { changing, type Dossier } from "../Dossiers.ts"
import { History } from "../History.ts"

/** At most so many devices a user; the one that registered longest ago makes room. */
const DEVICES_MAX = 20

/** Removes a device if the user has as many as there may be, and `device` is none of them. */
export const makeRoom = Effect.fnUntraced(function* ({ user, devices }: Dossier, device: NewDevice) {
  if (devices.length < DEVICES_MAX || devices.some((other) => other.token === device.token)) return
  const oldest = devices.reduce((a, b) => (b.registeredAt < a.registeredAt ? b : a))
  yield* Effect.logInfo("a user has too many devices; the one that registered longest ago is removed", {
    device: oldest.device
  })
  yield* (yield* Storage).deleteDevice(user.user, oldest).pipe(changing(user.user))
  ;(yield* History).note(user.user, "device", `device ${oldest.device} is removed: there are too many`)
})

/** Nothing of the device has changed with this registration. */
export const isSameDevice = (known: Device, device: NewDevice): boolean =>
  known.platform === device.platform &&
  known.bundleId === device.bundleId &&
  known.deviceId === device.deviceId &&
  known.policy === device.policy &&
  known.sound === device.sound &&
  known.environment === device.environment
