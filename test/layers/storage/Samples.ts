import { createHash } from "node:crypto"
import { Effect } from "effect"
import {
  type HotState,
  type NewDevice,
  type OutboxEntry,
  Storage,
  type Subscribed,
  type UserKeys
} from "../../../layers/storage/Storage.ts"
import {
  type DeviceNumber,
  type Generation,
  type ItemId,
  type SubscriptionId,
  type TenantNumber,
  type UserNumber,
  userIdOfAddress,
  type Watermark
} from "../../../schemas/Ids.ts"

/** Values for storage tests; the branded numbers come without ceremony here. */
export const NOW = 1_760_000_000_000
export const generation = (value: number) => value as Generation
export const device = (value: number) => value as DeviceNumber
export const userNumber = (value: string) => value as UserNumber
export const watermark = (value: string) => value as Watermark
export const subscriptionId = (value: string) => value as SubscriptionId
export const itemId = (value: string) => value as ItemId

/** `length` bytes that look random and depend on `seed` only. */
export const bytes = (seed: string, length: number): Uint8Array => {
  const blocks = Array.from({ length: Math.ceil(length / 64) }, (_, block) =>
    createHash("sha512").update(`${seed} ${block}`).digest()
  )
  return new Uint8Array(Buffer.concat(blocks).subarray(0, length))
}

export const hashOf = (token: string): Uint8Array =>
  new Uint8Array(createHash("sha256").update(token).digest())

export const keysOf = (seed: string): UserKeys => ({
  registrationKey: bytes(`${seed} registration`, 1246),
  sealKey: bytes(`${seed} seal`, 60),
  callbackKey: null
})

export const newDevice = (token: string, more: Partial<NewDevice> = {}): NewDevice => ({
  token,
  platform: "iOS",
  bundleId: "com.example.mail",
  deviceId: null,
  policy: 1,
  sound: null,
  environment: "production",
  registeredAt: NOW,
  ...more
})

export const subscribed = (user: UserNumber, more: Partial<Subscribed> = {}): Subscribed => ({
  user,
  generation: generation(1),
  subscriptionId: subscriptionId(`subscription of ${user}`),
  watermark: watermark("AQAAA"),
  ewsUrl: "https://mail.example.com/EWS/Exchange.asmx",
  exchangeVersion: "Exchange2013_SP1",
  authType: "Basic",
  tokenExpiresAt: null,
  subscribedAt: NOW,
  form: 123_456_789,
  unread: 3,
  ...more
})

export const hotState = (more: Partial<HotState> = {}): HotState => ({
  watermark: watermark("BQAAA"),
  lastHeard: NOW + 60_000,
  unread: 4,
  badge: 4,
  gapSince: null,
  ledger: bytes("ledger", 64),
  ...more
})

export const mail = (user: UserNumber, item: string, more: Partial<OutboxEntry> = {}): OutboxEntry => ({
  user,
  device: device(1),
  kind: "mail",
  itemId: itemId(item),
  queuedAt: NOW,
  ...more
})

/** A tenant by the token `token of <name>`. */
export const addTenant = Effect.fnUntraced(function* (name: string) {
  const storage = yield* Storage
  const hash = hashOf(`token of ${name}`)
  yield* storage.createToken({
    tenant: name,
    label: "test",
    hash,
    ewsUrls: [],
    ewsPins: [],
    seg: false,
    createdAt: NOW
  })
  const tenant = yield* Effect.flatten(storage.tenantOfToken(hash))
  return tenant.tenant
})

/** A user of `tenant`, known but not registered. */
export const addUser = Effect.fnUntraced(function* (tenant: TenantNumber, name: string, createdAt = NOW) {
  const storage = yield* Storage
  const userId = userIdOfAddress(`${name}@example.com`)
  return yield* storage.createUser({ tenant, userId, keys: keysOf(name), createdAt })
})

/** A user with a subscription of generation 1 and one iOS device with the token `phone of <name>`. */
export const addSubscriber = Effect.fnUntraced(function* (tenant: TenantNumber, name: string) {
  const storage = yield* Storage
  const { user } = yield* addUser(tenant, name)
  yield* storage.saveSubscribed(subscribed(user), bytes(name, 32), newDevice(`phone of ${name}`))
  return user
})
