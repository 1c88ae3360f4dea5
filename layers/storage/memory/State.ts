import { Effect } from "effect"
import type { Generation, UserNumber } from "../../../schemas/Ids.ts"
import { StorageError } from "../../../schemas/StorageError.ts"
import type {
  AdminToken,
  ApiToken,
  AuditRecord,
  Device,
  FormerKey,
  KeyedUser,
  OutboxEntry,
  Storage,
  StoredHistory,
  Subscription,
  Tenant
} from "../Storage.ts"

export type StorageShape = typeof Storage.Service

/** Everything of one user; it goes with the user. */
export interface UserRecord {
  user: KeyedUser
  refused: Generation
  lastDevice: number
  subscription: Omit<Subscription, "refused" | "bucket" | "sealKeyMadeAt"> | undefined
  readonly partials: Map<Generation, Uint8Array>
  formerKeys: ReadonlyArray<FormerKey>
  /** By token. */
  readonly devices: Map<string, Device>
  /** The oldest first. */
  outbox: ReadonlyArray<QueuedEntry>
  history: StoredHistory | undefined
  deadLetters: ReadonlyArray<{ readonly digest: string; readonly reason: string; readonly at: number }>
}

/** `sequence` tells entries of the same millisecond apart, over all users. */
export type QueuedEntry = OutboxEntry & { readonly sequence: number }

/** What the in-memory storage holds. Nothing in it is changed in place but its maps and the records' fields. */
export class MemoryState {
  readonly meta = new Map<string, Uint8Array>()
  readonly tenants = new Map<string, Tenant>()
  tokens: ReadonlyArray<ApiToken & { readonly hash: string }> = []
  adminTokens: ReadonlyArray<AdminToken & { readonly hash: string }> = []
  audits: ReadonlyArray<AuditRecord> = []
  /** By number, in order. */
  poolKeys: ReadonlyArray<readonly [number, Uint8Array]> = []
  readonly users = new Map<UserNumber, UserRecord>()
  #last = 0

  /** A number that was never given before, rising. */
  nextNumber(): number {
    return ++this.#last
  }

  /** For writes that would violate a foreign key in SQL. */
  require(user: UserNumber): UserRecord {
    const record = this.users.get(user)
    if (record === undefined) throw new Error("no such user")
    return record
  }
}

/** A method: one synchronous step, hence atomic. What it throws, before it changed anything, is its StorageError. */
export const attempt = <A>(name: keyof StorageShape, step: () => A): Effect.Effect<A, StorageError> =>
  Effect.try({
    try: step,
    catch: (cause) => new StorageError({ operation: name, transient: false, cause })
  })

/** Callers wipe their buffers, so what is kept and what is given away are copies. */
export const copy = <A extends Uint8Array | null>(bytes: A): A =>
  (bytes === null ? null : new Uint8Array(bytes)) as A
