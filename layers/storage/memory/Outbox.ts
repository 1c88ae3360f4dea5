import { Effect } from "effect"
import type { OutboxEntry } from "../Storage.ts"
import { deviceNumbered } from "./Devices.ts"
import type { MemoryState, QueuedEntry, StorageShape } from "./State.ts"

type Outbox = Pick<
  StorageShape,
  "addOutbox" | "outboxOf" | "removeOutbox" | "outboxUsers" | "outboxSize" | "expireOutbox"
>

export const make = (state: MemoryState): Outbox => {
  const all = () => [...state.users.values()].flatMap((record) => record.outbox).sort(byAge)

  return {
    addOutbox: (entries) =>
      Effect.sync(() => {
        for (const entry of entries) {
          const record = state.users.get(entry.user)
          if (record === undefined || deviceNumbered(record, entry.device) === undefined) continue
          if (record.outbox.some((other) => isSame(other, entry))) continue
          record.outbox = [...record.outbox, { ...entry, sequence: state.nextNumber() }]
        }
      }),

    outboxOf: (user, limit) =>
      Effect.sync(() => [...(state.users.get(user)?.outbox ?? [])].sort(byAge).slice(0, limit).map(entryOf)),

    removeOutbox: (entries) =>
      Effect.sync(() => {
        for (const entry of entries) {
          const record = state.users.get(entry.user)
          if (record !== undefined) record.outbox = record.outbox.filter((other) => !isSame(other, entry))
        }
      }),

    outboxUsers: (platform, limit) =>
      Effect.sync(() => {
        const waiting = all().filter(
          ({ user, device }) => deviceNumbered(state.users.get(user)!, device)?.platform === platform
        )
        return [...new Set(waiting.map(({ user }) => user))].slice(0, limit)
      }),

    outboxSize: Effect.sync(() => {
      const entries = all()
      return { entries: entries.length, oldest: entries[0]?.queuedAt ?? null }
    }),

    expireOutbox: (before) =>
      Effect.sync(() => {
        const expired = all().filter(({ queuedAt }) => queuedAt < before).length
        for (const record of state.users.values())
          record.outbox = record.outbox.filter(({ queuedAt }) => queuedAt >= before)
        return expired
      })
  }
}

const byAge = (a: QueuedEntry, b: QueuedEntry) => a.queuedAt - b.queuedAt || a.sequence - b.sequence

const isSame = (a: OutboxEntry, b: OutboxEntry) =>
  a.user === b.user && a.device === b.device && a.kind === b.kind && a.itemId === b.itemId

const entryOf = ({ user, device, kind, itemId, queuedAt }: QueuedEntry): OutboxEntry => ({
  user,
  device,
  kind,
  itemId,
  queuedAt
})
