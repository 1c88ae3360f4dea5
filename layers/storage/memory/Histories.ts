import { Effect } from "effect"
import { copy, type MemoryState, type StorageShape } from "./State.ts"

export const make = (
  state: MemoryState
): Pick<StorageShape, "histories" | "saveHistories" | "dropHistories"> => ({
  histories: (users) =>
    Effect.sync(() =>
      [...new Set(users)].flatMap((user) => {
        const history = state.users.get(user)?.history
        return history === undefined ? [] : [{ ...history, events: copy(history.events) }]
      })
    ),

  saveHistories: (batch) =>
    Effect.sync(() => {
      for (const history of batch) {
        const record = state.users.get(history.user)
        if (record !== undefined) record.history = { ...history, events: copy(history.events) }
      }
    }),

  dropHistories: (before) =>
    Effect.sync(() => {
      const old = [...state.users.values()].filter(
        ({ history }) => history !== undefined && history.lastAt < before
      )
      for (const record of old) record.history = undefined
      return old.length
    })
})
