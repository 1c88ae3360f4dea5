import type { NewDevice, Subscribed } from "../../layers/storage/Storage.ts"
import type { HotRow } from "./StoredUsers.ts"

/**
 * What a short script makes of the same tables with the bare driver: no types, errors, retries, metrics or fencing. Many at a
 * time are done as the driver does them best.
 */
export interface PlainStore {
  /** The driver, as it is called in the table. */
  readonly driver: string
  /** Subscriptions of users after `after`, with all that a start reads; answers how many, and the last user. */
  readonly page: (after: number, limit: number) => Promise<{ readonly rows: number; readonly last: number }>
  readonly hot: (batch: ReadonlyArray<HotRow>) => Promise<void>
  /** User, subscription and devices of each. */
  readonly dossiers: (users: ReadonlyArray<number>) => Promise<void>
  /** First registrations. */
  readonly register: (batch: ReadonlyArray<Registration>) => Promise<void>
  /** What the database takes up on disk; undefined if it does not say. */
  readonly bytes: () => Promise<number | undefined>
  readonly close: () => void
}

export interface Registration {
  readonly subscribed: Subscribed
  readonly fingerprint: Uint8Array
  readonly device: NewDevice
}

/** What a start reads. */
export const PAGE = `
  SELECT s.*, h.watermark, h.last_heard, h.unread, h.badge, h.gap_since, h.ledger, u.refused, u.bucket
  FROM subscriptions s JOIN hot_states h ON h.user_no = s.user_no JOIN users u ON u.user_no = s.user_no
  WHERE s.user_no >`

/** What a mail needs to know. */
export const DOSSIER = `
  SELECT u.*, c.wrapped AS callback_key, s.*, d.*
  FROM users u
  LEFT JOIN callback_keys c ON c.user_no = u.user_no
  LEFT JOIN subscriptions s ON s.user_no = u.user_no
  LEFT JOIN devices d ON d.user_no = u.user_no
  WHERE u.user_no =`
