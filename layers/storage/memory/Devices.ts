import { Effect } from "effect"
import type { DeviceNumber } from "../../../schemas/Ids.ts"
import type { Device, NewDevice } from "../Storage.ts"
import { attempt, type MemoryState, type StorageShape, type UserRecord } from "./State.ts"

type Devices = Pick<
  StorageShape,
  | "devices"
  | "saveDevice"
  | "replaceDeviceToken"
  | "deleteDevice"
  | "saveNudged"
  | "saveSeen"
  | "saveEndpoint"
>

export const devicesOf = ({ devices }: UserRecord): ReadonlyArray<Device> =>
  [...devices.values()].sort((a, b) => a.device - b.device)

export const make = (state: MemoryState): Devices => ({
  devices: (user) =>
    Effect.sync(() => {
      const record = state.users.get(user)
      return record === undefined ? [] : devicesOf(record)
    }),

  saveDevice: (user, device) => attempt("saveDevice", () => upsertDevice(state.require(user), device)),

  replaceDeviceToken: (user, oldToken, newToken, at) =>
    Effect.sync(() => {
      const record = state.users.get(user)
      const old = record?.devices.get(oldToken)
      if (record === undefined || old === undefined) return false
      const survivor = record.devices.get(newToken) ?? old
      if (survivor !== old) moveOutbox(record, old.device, survivor.device)
      record.devices.delete(oldToken)
      const { endpoint, ...rest } = survivor
      const kept = survivor.token === newToken && endpoint !== undefined ? { endpoint } : {}
      record.devices.set(newToken, { ...rest, ...kept, token: newToken, registeredAt: at, seenAt: at })
      return true
    }),

  deleteDevice: (user, { device, registeredAt, token }) =>
    Effect.sync(() => {
      const record = state.users.get(user)
      const found = record?.devices.get(token)
      if (record === undefined || found?.device !== device || found.registeredAt !== registeredAt)
        return false
      record.devices.delete(token)
      record.outbox = record.outbox.filter((entry) => entry.device !== device)
      return true
    }),

  saveNudged: (user, device, nudgedAt) =>
    Effect.sync(() => {
      const record = state.users.get(user)
      const found = record && deviceNumbered(record, device)
      if (found !== undefined) record?.devices.set(found.token, { ...found, nudgedAt: [...nudgedAt] })
    }),

  saveSeen: (user, token, at) =>
    Effect.sync(() => {
      const record = state.users.get(user)
      const found = record?.devices.get(token)
      if (found !== undefined && found.seenAt < at) record?.devices.set(token, { ...found, seenAt: at })
    }),

  saveEndpoint: (user, token, { arn, registeredAt }) =>
    Effect.sync(() => {
      const record = state.users.get(user)
      const found = record?.devices.get(token)
      if (found !== undefined) record?.devices.set(token, { ...found, endpoint: { arn, registeredAt } })
    })
})

export const upsertDevice = (record: UserRecord, device: NewDevice): Device => {
  const known = record.devices.get(device.token)
  const saved: Device = {
    ...device,
    device: known?.device ?? (++record.lastDevice as DeviceNumber),
    seenAt: device.registeredAt,
    nudgedAt: known?.nudgedAt ?? [],
    ...(known?.endpoint && { endpoint: known.endpoint })
  }
  record.devices.set(device.token, saved)
  return saved
}

export const deviceNumbered = (record: UserRecord, device: DeviceNumber): Device | undefined =>
  [...record.devices.values()].find((other) => other.device === device)

/** What waits for one device shall wait for the other one; what waits for both, once. */
const moveOutbox = (record: UserRecord, from: DeviceNumber, to: DeviceNumber) => {
  const waiting = new Set(
    record.outbox.filter((entry) => entry.device === to).map(({ kind, itemId }) => `${kind} ${itemId}`)
  )
  record.outbox = record.outbox
    .filter((entry) => entry.device !== from || !waiting.has(`${entry.kind} ${entry.itemId}`))
    .map((entry) => (entry.device === from ? { ...entry, device: to } : entry))
}
