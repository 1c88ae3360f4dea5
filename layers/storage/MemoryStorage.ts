import { Effect, Layer, Option } from "effect"
import * as Devices from "./memory/Devices.ts"
import * as Outbox from "./memory/Outbox.ts"
import { attempt, copy, MemoryState, type StorageShape } from "./memory/State.ts"
import * as Subscriptions from "./memory/Subscriptions.ts"
import * as Tenants from "./memory/Tenants.ts"
import * as Users from "./memory/Users.ts"
import { Storage } from "./Storage.ts"
import { DEAD_LETTERS_MAX } from "./sql/DeadLetters.ts"

/** Storage for tests: empty with every build, gone with it. Made for hundreds of users, not for many thousands. */
export const layer: Layer.Layer<Storage> = Layer.effect(
  Storage,
  Effect.sync(() => {
    const state = new MemoryState()
    return {
      location: "memory",
      ping: Effect.void,
      ...basics(state),
      ...Tenants.make(state),
      ...Users.make(state),
      ...Subscriptions.make(state),
      ...Devices.make(state),
      ...Outbox.make(state)
    }
  })
)

const basics = (
  state: MemoryState
): Pick<
  StorageShape,
  "meta" | "countPoolKeys" | "addPoolKeys" | "takePoolKey" | "addDeadLetter" | "deadLetters"
> => ({
  meta: (name, value) =>
    Effect.sync(() => {
      if (!state.meta.has(name)) state.meta.set(name, copy(value))
      return copy(state.meta.get(name)!)
    }),

  countPoolKeys: Effect.sync(() => state.poolKeys.length),
  addPoolKeys: (keys) =>
    Effect.sync(() => {
      state.poolKeys = [...state.poolKeys, ...keys.map((key) => copy(key))]
    }),
  takePoolKey: Effect.sync(() => {
    const [first, ...others] = state.poolKeys
    state.poolKeys = others
    return Option.fromNullable(first)
  }),

  addDeadLetter: ({ user, digest, reason, at }) =>
    attempt("addDeadLetter", () => {
      const record = state.require(user)
      record.deadLetters = [...record.deadLetters, { digest, reason, at }].slice(-DEAD_LETTERS_MAX)
    }),
  deadLetters: (user) => Effect.sync(() => state.users.get(user)?.deadLetters ?? [])
})
