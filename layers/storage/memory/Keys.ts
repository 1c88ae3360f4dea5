import { Effect, Option } from "effect"
import type { FormerKey, KeyPlace, WrappedKey } from "../Storage.ts"
import { copy, type MemoryState, type StorageShape, type UserRecord } from "./State.ts"

type Keys = Pick<
  StorageShape,
  | "countPoolKeys"
  | "addPoolKeys"
  | "takePoolKey"
  | "replaceSealKey"
  | "replaceRegistrationKey"
  | "formerKeys"
  | "dropFormerKeys"
  | "wrappedKeys"
  | "rewrapKeys"
>

export const make = (state: MemoryState): Keys => ({
  countPoolKeys: Effect.sync(() => state.poolKeys.length),

  addPoolKeys: (keys) =>
    Effect.sync(() => {
      state.poolKeys = [...state.poolKeys, ...keys.map((key) => [state.nextNumber(), copy(key)] as const)]
    }),

  takePoolKey: Effect.sync(() => {
    const [first, ...others] = state.poolKeys
    state.poolKeys = others
    return Option.map(Option.fromNullable(first), ([, key]) => key)
  }),

  replaceSealKey: (user, sealKey, at) =>
    Effect.sync(() => {
      const record = state.users.get(user)
      if (record === undefined) return
      const { callbackKey, sealKey: former } = record.user
      keepFormer(
        record,
        ["seal", "callback"],
        [
          { kind: "seal", wrapped: former, replacedAt: at },
          ...(callbackKey === null
            ? []
            : [{ kind: "callback" as const, wrapped: callbackKey, replacedAt: at }])
        ]
      )
      record.user = { ...record.user, sealKey: copy(sealKey), sealKeyMadeAt: at, callbackKey: null }
    }),

  replaceRegistrationKey: (user, key, at, before) =>
    Effect.sync(() => {
      const record = state.users.get(user)
      if (record === undefined || record.user.registrationKeyMadeAt >= before) return
      const wrapped = record.user.registrationKey
      keepFormer(record, ["registration"], [{ kind: "registration", wrapped, replacedAt: at }])
      record.user = { ...record.user, registrationKey: copy(key), registrationKeyMadeAt: at }
    }),

  formerKeys: (user) =>
    Effect.sync(() =>
      [...(state.users.get(user)?.formerKeys ?? [])]
        .sort((a, b) => (a.kind < b.kind ? -1 : 1))
        .map((key) => ({ ...key, wrapped: copy(key.wrapped) }))
    ),

  dropFormerKeys: (before) =>
    Effect.sync(() => {
      let dropped = 0
      for (const record of state.users.values()) {
        const kept = record.formerKeys.filter((key) => !mayGo(record, key, before))
        dropped += record.formerKeys.length - kept.length
        record.formerKeys = kept
      }
      return dropped
    }),

  wrappedKeys: (place, after, limit) =>
    Effect.sync(() => {
      const all = wrappedIn(state, place)
      const from = after === undefined ? 0 : all.findIndex(({ key }) => key === after) + 1
      return all.slice(from, from + limit)
    }),

  rewrapKeys: (place, batch) =>
    Effect.sync(() => {
      for (const { from, key, to } of batch) {
        const found = wrappedIn(state, place).find((other) => other.key === key)
        if (found !== undefined && Buffer.from(found.wrapped).equals(from)) put(state, place, key, copy(to))
      }
    })
})

const keepFormer = (
  record: UserRecord,
  kinds: ReadonlyArray<FormerKey["kind"]>,
  now: ReadonlyArray<FormerKey>
) => {
  record.formerKeys = [...record.formerKeys.filter(({ kind }) => !kinds.includes(kind)), ...now]
}

const mayGo = ({ subscription }: UserRecord, { kind, replacedAt }: FormerKey, before: number): boolean =>
  replacedAt < before &&
  (kind === "registration" ||
    subscription === undefined ||
    (subscription.subscribedAt >= replacedAt && subscription.subscribedAt < before))

const wrappedIn = (state: MemoryState, place: KeyPlace): ReadonlyArray<WrappedKey> => {
  if (place === "pool") {
    return state.poolKeys.map(([number, wrapped]) => ({
      place,
      key: String(number),
      kind: "pool",
      owner: undefined,
      wrapped: copy(wrapped)
    }))
  }
  return [...state.users.values()].flatMap(({ formerKeys, user }) => {
    const of = (kind: FormerKey["kind"], key: string, wrapped: Uint8Array | null) =>
      wrapped === null
        ? []
        : [{ place, key, kind, owner: { tenant: user.tenant, userId: user.userId }, wrapped: copy(wrapped) }]
    if (place === "former") {
      return formerKeys.flatMap(({ kind, wrapped }) => of(kind, `${user.user} ${kind}`, wrapped))
    }
    return of(place, user.user, user[`${place}Key`])
  })
}

const put = (state: MemoryState, place: KeyPlace, key: string, to: Uint8Array): void => {
  if (place === "pool") {
    state.poolKeys = state.poolKeys.map((entry) => (String(entry[0]) === key ? [entry[0], to] : entry))
    return
  }
  const [user, kind] = key.split(" ")
  const record = [...state.users.values()].find((other) => other.user.user === user)
  if (record === undefined) return
  if (place === "former") {
    record.formerKeys = record.formerKeys.map((former) =>
      former.kind === kind ? { ...former, wrapped: to } : former
    )
  } else record.user = { ...record.user, [`${place}Key`]: to }
}
