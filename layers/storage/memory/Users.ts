import { Effect, Option } from "effect"
import type { Generation, UserNumber } from "../../../schemas/Ids.ts"
import type { KeyedUser, StoredDossier } from "../Storage.ts"
import { devicesOf } from "./Devices.ts"
import { attempt, copy, type MemoryState, type StorageShape, type UserRecord } from "./State.ts"
import { subscriptionOf } from "./Subscriptions.ts"

type Users = Pick<
  StorageShape,
  | "findUser"
  | "user"
  | "usersOfId"
  | "dossier"
  | "createUser"
  | "setCallbackKey"
  | "retireKeys"
  | "deleteUser"
  | "deleteUserWithoutDevices"
  | "forgetUnregistered"
>

export const make = (state: MemoryState): Users => {
  /** Numbers of users by tenant and id, also of some who are gone. */
  const numbers = new Map<string, UserNumber>()
  const find = (tenant: number, userId: string) => {
    const number = numbers.get(`${tenant} ${userId}`)
    return number === undefined ? undefined : state.users.get(number)
  }

  return {
    findUser: (tenant, userId) =>
      Effect.sync(() => Option.map(Option.fromNullable(find(tenant, userId)), userOf)),

    user: (user) => Effect.sync(() => Option.map(Option.fromNullable(state.users.get(user)), userOf)),

    usersOfId: (userId) =>
      Effect.sync(() => {
        const names = new Map([...state.tenants.values()].map(({ name, tenant }) => [tenant, name]))
        return [...state.users.values()]
          .filter(({ user }) => user.userId === userId)
          .map(({ user: { tenant, user } }) => ({ user, tenant, tenantName: names.get(tenant)! }))
          .sort((a, b) => (a.tenantName < b.tenantName ? -1 : 1))
      }),

    dossier: (user) => Effect.sync(() => Option.map(Option.fromNullable(state.users.get(user)), dossierOf)),

    createUser: ({ tenant, userId, keys, createdAt }) =>
      attempt("createUser", () => {
        if (![...state.tenants.values()].some((other) => other.tenant === tenant))
          throw new Error("no such tenant")
        const known = find(tenant, userId)
        if (known !== undefined) return userOf(known)
        const user = String(state.nextNumber()) as UserNumber
        const ages = { sealKeyMadeAt: createdAt, registrationKeyMadeAt: createdAt }
        const identity = { user, tenant, userId, createdAt, refused: 0 as Generation, fingerprint: null }
        const made = { ...identity, ...ages, ...keys }
        const record: UserRecord = {
          user: copyOf(made),
          refused: 0 as Generation,
          lastDevice: 0,
          subscription: undefined,
          partials: new Map(),
          formerKeys: [],
          devices: new Map(),
          outbox: [],
          history: undefined,
          deadLetters: []
        }
        state.users.set(user, record)
        numbers.set(`${tenant} ${userId}`, user)
        return userOf(record)
      }),

    setCallbackKey: (user, key) =>
      attempt("setCallbackKey", () => {
        const record = state.require(user)
        const callbackKey = record.user.callbackKey ?? copy(key)
        record.user = { ...record.user, callbackKey }
        return copy(callbackKey)
      }),

    retireKeys: (user, sealKey) =>
      Effect.sync(() => {
        const record = state.users.get(user)
        const link = record?.subscription?.link
        if (record === undefined || link === "Unconfirmed" || link === "Active") return false
        record.user = { ...record.user, sealKey: copy(sealKey), callbackKey: null }
        record.formerKeys = record.formerKeys.filter(({ kind }) => kind === "registration")
        record.partials.clear()
        return true
      }),

    deleteUser: (user) => Effect.sync(() => void state.users.delete(user)),

    deleteUserWithoutDevices: (user) =>
      Effect.sync(() => {
        if (state.users.get(user)?.devices.size === 0) state.users.delete(user)
        return !state.users.has(user)
      }),

    forgetUnregistered: (before) =>
      Effect.sync(() => {
        const forgotten = [...state.users.values()].filter(
          ({ user }) => user.fingerprint === null && user.createdAt < before
        )
        for (const { user } of forgotten) state.users.delete(user.user)
        return forgotten.length
      })
  }
}

const userOf = ({ refused, user }: UserRecord): KeyedUser => ({ ...copyOf(user), refused })

const dossierOf = (record: UserRecord): StoredDossier => {
  const { registrationKey: _, registrationKeyMadeAt: __, ...user } = userOf(record)
  const subscription = Option.getOrUndefined(subscriptionOf(record))
  if (subscription === undefined) return { user, subscription, devices: devicesOf(record) }
  const { hot: ___, sealKeyMadeAt: ____, ...lasting } = subscription
  return { user, subscription: lasting, devices: devicesOf(record) }
}

const copyOf = (user: KeyedUser): KeyedUser => ({
  ...user,
  fingerprint: copy(user.fingerprint),
  registrationKey: copy(user.registrationKey),
  sealKey: copy(user.sealKey),
  callbackKey: copy(user.callbackKey)
})
