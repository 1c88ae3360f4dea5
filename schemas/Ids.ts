import { createHash } from "node:crypto"
import { Schema } from "effect"

/** Lower-case hex SHA-256 of the lower-cased e-mail address. Upper-case input is lowered. */
export const UserId = Schema.String.pipe(
  Schema.lowercased({ message: () => "must be lower case" }),
  Schema.pattern(/^[0-9a-f]{64}$/, { message: () => "must be 64 hexadecimal digits" }),
  Schema.brand("UserId")
)
export type UserId = typeof UserId.Type

/** Our number of a user, never used twice; `id` in the callback URL and the actor's name. Decimal digits. */
export const UserNumber = Schema.String.pipe(Schema.pattern(/^[1-9][0-9]{0,14}$/), Schema.brand("UserNumber"))
export type UserNumber = typeof UserNumber.Type

/** Number of an organisation in storage. */
export const TenantNumber = Schema.Int.pipe(Schema.positive(), Schema.brand("TenantNumber"))
export type TenantNumber = typeof TenantNumber.Type

/** Number of an attempt to subscribe, rising per user; authenticated inside the callback URL. 0 = never subscribed. */
export const Generation = Schema.Int.pipe(Schema.nonNegative(), Schema.brand("Generation"))
export type Generation = typeof Generation.Type

/** Number of a device within its user, never used twice for that user. */
export const DeviceNumber = Schema.Int.pipe(Schema.positive(), Schema.brand("DeviceNumber"))
export type DeviceNumber = typeof DeviceNumber.Type

/** Exchange's opaque id of a subscription; compared byte for byte. */
export const SubscriptionId = Schema.String.pipe(Schema.brand("SubscriptionId"))
export type SubscriptionId = typeof SubscriptionId.Type

/** Exchange's opaque position in a mailbox's event history. */
export const Watermark = Schema.String.pipe(Schema.brand("Watermark"))
export type Watermark = typeof Watermark.Type

/** Exchange's opaque id of an item (a mail) or of a folder. */
export const ItemId = Schema.String.pipe(Schema.brand("ItemId"))
export type ItemId = typeof ItemId.Type

/** UUID of an inbound request or timer action: in every log line of that work and Exchange's `client-request-id`. */
export const ActivityId = Schema.String.pipe(Schema.brand("ActivityId"))
export type ActivityId = typeof ActivityId.Type

/** The id under which a user's address is known here; the plain address is never stored. */
export const userIdOfAddress = (address: string): UserId =>
  createHash("sha256").update(address.trim().toLowerCase(), "utf8").digest("hex") as UserId

/** Users fall into this many buckets, the unit in which a node owns them. */
export const BUCKETS = 1024

/** The bucket of a user: stable for ever, because it is stored and indexed. */
export const bucketOf = (tenant: TenantNumber, userId: UserId): number =>
  (Number.parseInt(userId.slice(0, 8), 16) ^ (tenant * 0x9e3779b1)) & (BUCKETS - 1)
