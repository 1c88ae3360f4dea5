import { Effect } from "effect"
import { devicesOf } from "./Devices.ts"
import type { MemoryState, StorageShape, UserRecord } from "./State.ts"

export const make = (
  state: MemoryState
): Pick<StorageShape, "staleDevices" | "lostUsers" | "dropDeadLetters"> => {
  const after = (user: string | undefined): ReadonlyArray<UserRecord> =>
    [...state.users.values()].filter((record) => Number(record.user.user) > Number(user ?? 0))

  return {
    staleDevices: (before, user) =>
      Effect.sync(() => ({
        devices: after(user).flatMap((record) =>
          devicesOf(record)
            .filter(({ seenAt }) => seenAt < before)
            .map(({ seenAt, token }) => ({ user: record.user.user, token, seenAt }))
            .sort((a, b) => (a.token < b.token ? -1 : 1))
        ),
        next: undefined
      })),

    lostUsers: (before, user) =>
      Effect.sync(() => ({
        users: after(user)
          .filter(
            ({ subscription }) =>
              subscription !== undefined && subscription.link === "Lost" && subscription.linkSince < before
          )
          .map((record) => record.user.user),
        next: undefined
      })),

    dropDeadLetters: (before) =>
      Effect.sync(() => {
        let dropped = 0
        for (const record of state.users.values()) {
          const kept = record.deadLetters.filter(({ at }) => at >= before)
          dropped += record.deadLetters.length - kept.length
          record.deadLetters = kept
        }
        return dropped
      })
  }
}
