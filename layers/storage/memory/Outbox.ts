import { Effect } from "effect"
import type { DeviceNumber } from "../../../schemas/Ids.ts"
import type { OutboxEntry } from "../Storage.ts"
import { deviceNumbered } from "./Devices.ts"
import type { MemoryState, QueuedEntry, StorageShape, UserRecord } from "./State.ts"

type Outbox = Pick<
  StorageShape,
  "addOutbox" | "outboxOf" | "removeOutbox" | "outboxUsers" | "outboxSize" | "expireOutbox"
>

export const make = (state: MemoryState): Outbox => {
  /** Each user's entries among these, changed at once. */
  const change = (
    entries: ReadonlyArray<OutboxEntry>,
    by: (record: UserRecord, of: ReadonlyArray<OutboxEntry>) => ReadonlyArray<QueuedEntry>
  ) =>
    Effect.sync(() => {
      for (const [user, of] of Map.groupBy(entries, (entry) => entry.user)) {
        const record = state.users.get(user)
        if (record !== undefined) record.outbox = by(record, of)
      }
    })

  return {
    addOutbox: (entries) =>
      change(entries, (record, of) => {
        const known = keysOf(record.outbox)
        const fresh = of.flatMap((entry) => {
          if (known.has(keyOf(entry)) || deviceNumbered(record, entry.device) === undefined) return []
          known.add(keyOf(entry))
          return [{ ...entry, sequence: state.nextNumber() }]
        })
        const all = [...record.outbox, ...fresh]
        const last = record.outbox.at(-1)
        const inOrder = fresh.every((one, i) => byAge(fresh[i - 1] ?? last ?? one, one) <= 0)
        if (inOrder) keepOldest(record.outbox, all, fresh)
        return withKeys(inOrder ? all : all.sort(byAge), known)
      }),

    outboxOf: (user, limit) =>
      Effect.sync(() => (state.users.get(user)?.outbox ?? []).slice(0, limit).map(entryOf)),

    removeOutbox: (entries) =>
      change(entries, (record, of) => {
        const known = keysOf(record.outbox)
        for (const entry of of) known.delete(keyOf(entry))
        return withKeys(
          record.outbox.filter((entry) => known.has(keyOf(entry))),
          known
        )
      }),

    outboxUsers: (platform, limit) =>
      Effect.sync(() =>
        [...state.users.values()]
          .flatMap(({ devices, outbox }) => {
            const theirs = [...devices.values()].filter((one) => one.platform === platform)
            const all = theirs.flatMap(({ device }) => oldestOf(outbox).get(device) ?? [])
            return all.sort(byAge).slice(0, 1)
          })
          .sort(byAge)
          .slice(0, limit)
          .map(({ user }) => user)
      ),

    outboxSize: Effect.sync(() => {
      let entries = 0
      let oldest: QueuedEntry | undefined
      for (const { outbox } of state.users.values()) {
        entries += outbox.length
        const [first] = outbox
        if (first !== undefined && (oldest === undefined || byAge(first, oldest) < 0)) oldest = first
      }
      return { entries, oldest: oldest?.queuedAt ?? null }
    }),

    expireOutbox: (before) =>
      Effect.sync(() => {
        let expired = 0
        for (const record of state.users.values()) {
          const left = record.outbox.filter(({ queuedAt }) => queuedAt >= before)
          expired += record.outbox.length - left.length
          record.outbox = left
        }
        return expired
      })
  }
}

const byAge = (a: QueuedEntry, b: QueuedEntry) => a.queuedAt - b.queuedAt || a.sequence - b.sequence

/** Tells a user's entries apart. */
const keyOf = ({ device, itemId, kind }: OutboxEntry) => `${device} ${kind} ${itemId}`

/** The keys of an outbox's entries: thousands wait while a gateway is away, and are not read anew at each change. */
const keys = new WeakMap<ReadonlyArray<QueuedEntry>, Set<string>>()

/** Whoever changes them passes them on to the next outbox. */
const keysOf = (outbox: ReadonlyArray<QueuedEntry>): Set<string> => {
  const known = keys.get(outbox) ?? new Set(outbox.map(keyOf))
  keys.delete(outbox)
  return known
}

const withKeys = (outbox: ReadonlyArray<QueuedEntry>, known: Set<string>): ReadonlyArray<QueuedEntry> => {
  keys.set(outbox, known)
  return outbox
}

/** The oldest entry of each device. */
const oldest = new WeakMap<ReadonlyArray<QueuedEntry>, Map<DeviceNumber, QueuedEntry>>()

const oldestOf = (outbox: ReadonlyArray<QueuedEntry>): ReadonlyMap<DeviceNumber, QueuedEntry> => {
  const known = oldest.get(outbox)
  if (known !== undefined) return known
  const found = new Map<DeviceNumber, QueuedEntry>()
  for (const entry of outbox) if (!found.has(entry.device)) found.set(entry.device, entry)
  oldest.set(outbox, found)
  return found
}

/** `fresh` are all younger than what was there. */
const keepOldest = (
  before: ReadonlyArray<QueuedEntry>,
  after: ReadonlyArray<QueuedEntry>,
  fresh: ReadonlyArray<QueuedEntry>
): void => {
  const known = oldest.get(before)
  if (known === undefined) return
  for (const entry of fresh) if (!known.has(entry.device)) known.set(entry.device, entry)
  oldest.delete(before)
  oldest.set(after, known)
}

const entryOf = ({ user, device, kind, itemId, queuedAt }: QueuedEntry): OutboxEntry => ({
  user,
  device,
  kind,
  itemId,
  queuedAt
})
