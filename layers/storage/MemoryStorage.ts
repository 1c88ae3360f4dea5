import { Effect, Layer, Option } from "effect"
import * as Administration from "./memory/Administration.ts"
import * as Devices from "./memory/Devices.ts"
import * as Histories from "./memory/Histories.ts"
import * as Keys from "./memory/Keys.ts"
import * as Outbox from "./memory/Outbox.ts"
import * as Retention from "./memory/Retention.ts"
import { attempt, copy, MemoryState, type StorageShape } from "./memory/State.ts"
import * as Subscriptions from "./memory/Subscriptions.ts"
import * as Tenants from "./memory/Tenants.ts"
import * as TokenLives from "./memory/TokenLives.ts"
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
      ...TokenLives.make(state),
      ...Users.make(state),
      ...Keys.make(state),
      ...Subscriptions.make(state),
      ...Devices.make(state),
      ...Outbox.make(state),
      ...Retention.make(state),
      ...Administration.make(state),
      ...Histories.make(state)
    }
  })
)

const basics = (
  state: MemoryState
): Pick<StorageShape, "meta" | "findMeta" | "changeMeta" | "addDeadLetter" | "deadLetters"> => ({
  meta: (name, value) =>
    Effect.sync(() => {
      if (!state.meta.has(name)) state.meta.set(name, copy(value))
      return copy(state.meta.get(name)!)
    }),

  findMeta: (name) =>
    Effect.sync(() => Option.map(Option.fromNullable(state.meta.get(name)), (value) => copy(value))),

  changeMeta: ({ drop, put }) =>
    Effect.sync(() => {
      for (const name of drop) state.meta.delete(name)
      for (const [name, value] of Object.entries(put)) state.meta.set(name, copy(value))
    }),

  addDeadLetter: ({ user, digest, reason, at }) =>
    attempt("addDeadLetter", () => {
      const record = state.require(user)
      record.deadLetters = [...record.deadLetters, { digest, reason, at }].slice(-DEAD_LETTERS_MAX)
    }),
  deadLetters: (user) => Effect.sync(() => state.users.get(user)?.deadLetters ?? [])
})
