import { randomBytes } from "node:crypto"
import { encodeLedger, itemEntry } from "../../actors/Ledger.ts"
import type { HotState, NewDevice, Subscribed, UserKeys } from "../../layers/storage/Storage.ts"
import type { Generation, ItemId, UserNumber, Watermark } from "../../schemas/Ids.ts"
import { subscriptionIdOf } from "./Heartbeat.ts"
import type { Registration } from "./PlainStore.ts"

/** One entry of `saveHot`. */
export interface HotRow {
  readonly user: UserNumber
  readonly generation: Generation
  readonly hot: HotState
}

const GENERATION = 1 as Generation
/** Recent mails that a user's ledger knows. */
const LEDGER = 8
/** An RSA-2048 private key as PKCS#8, and what wrapping by the master key adds to a key. */
const RSA_BYTES = 1_218
const WRAP_BYTES = 29

/** Keys as big as real ones; that they open nothing makes no difference here. */
export const someKeys = (): UserKeys => ({
  registrationKey: randomBytes(RSA_BYTES + WRAP_BYTES),
  sealKey: randomBytes(32 + WRAP_BYTES),
  callbackKey: null
})

/** A registration as an app makes it, of one device with a token as long as Apple's. */
export const registrationOf = (user: UserNumber, device = 1): Registration => {
  const number = Number(user)
  const at = 1_700_000_000_000 + number
  return {
    subscribed: {
      user,
      generation: GENERATION,
      subscriptionId: subscriptionIdOf(number),
      watermark: watermarkOf(number, 0),
      ewsUrl: "https://mail.example.com/EWS/Exchange.asmx",
      exchangeVersion: "Exchange2013_SP1",
      authType: "Basic",
      tokenExpiresAt: null,
      subscribedAt: at,
      form: 123_456_789,
      unread: number % 50
    } satisfies Subscribed,
    fingerprint: randomBytes(32),
    device: deviceOf(number, device, at)
  }
}

export const hotOf = (user: UserNumber, round: number): HotRow => ({
  user,
  generation: GENERATION,
  hot: {
    watermark: watermarkOf(Number(user), round),
    lastHeard: 1_700_000_000_000 + round,
    unread: round % 50,
    badge: round % 50,
    gapSince: null,
    ledger: encodeLedger(
      Array.from({ length: LEDGER }, (_, mail) => itemEntry(`${user} ${round} ${mail}` as ItemId))
    )
  }
})

const deviceOf = (user: number, device: number, at: number): NewDevice => ({
  token: `${device}${user.toString(16).padStart(63, "0")}`,
  platform: device === 1 ? "iOS" : "Android",
  bundleId: "com.example.mail",
  deviceId: null,
  policy: 1,
  sound: null,
  environment: "production",
  registeredAt: at
})

/** As long as those of Exchange 2013 and later. */
const watermarkOf = (user: number, round: number): Watermark =>
  Buffer.from(`watermark ${user} ${round}`.padEnd(30)).toString("base64") as Watermark
