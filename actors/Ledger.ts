import type { DeviceNumber, ItemId } from "../schemas/Ids.ts"

/**
 * Which (item, device) pairs of one user have their final verdict, so that a callback that Exchange repeats notifies
 * nobody twice. A bounded list of 53-bit hashes, newest last: a hash of the item alone stands for all its devices.
 * Doubles keep 100,000 idle ledgers small; a collision among at most some hundred entries is beyond reach (2⁻⁴⁴).
 */
export type Ledger = ReadonlyArray<number>

export const emptyLedger: Ledger = []

/** Entries kept between callbacks. A single callback with more items keeps all of its own. */
export const LEDGER_SIZE = 64

export const itemEntry = (item: ItemId): number => hash53(item)

export const deviceEntry = (item: ItemId, device: DeviceNumber): number => hash53(`${device}/${item}`)

/** It was created long before, so it is no new mail as long as no NewMailEvent says that it was delivered. */
export const createdEntry = (item: ItemId): number => hash53(`created/${item}`)

export const isSettled = (ledger: Ledger, item: ItemId, device?: DeviceNumber): boolean =>
  ledger.length > 0 &&
  (ledger.includes(itemEntry(item)) || (device !== undefined && ledger.includes(deviceEntry(item, device))))

/** Adds entries, drops the oldest ones above the limit, never one of those just added. */
export const settle = (ledger: Ledger, entries: ReadonlyArray<number>): Ledger => {
  if (entries.length === 0) return ledger
  const fresh = new Set(entries)
  const old = ledger.filter((entry) => !fresh.has(entry))
  const room = Math.max(0, LEDGER_SIZE - fresh.size)
  return [...(room === 0 ? [] : old.slice(-room)), ...fresh]
}

/**
 * Adds entries that only spare a question, and push out nothing that keeps a mail from being told of twice: they are the
 * first to go, and only as many are kept as there is room for.
 */
export const settleWeakly = (ledger: Ledger, entries: ReadonlyArray<number>): Ledger => {
  const room = LEDGER_SIZE - ledger.length
  const known = new Set(ledger)
  const fresh = [...new Set(entries)].filter((entry) => !known.has(entry))
  return room <= 0 || fresh.length === 0 ? ledger : [...fresh.slice(-room), ...ledger]
}

/** Eight bytes an entry, as storage keeps it. */
export const encodeLedger = (ledger: Ledger): Uint8Array => {
  const bytes = new Uint8Array(ledger.length * 8)
  const view = new DataView(bytes.buffer)
  for (const [i, entry] of ledger.entries()) view.setFloat64(i * 8, entry)
  return bytes
}

/** Tolerates a damaged blob: what is not a hash is dropped. */
export const decodeLedger = (bytes: Uint8Array): Ledger => {
  if (bytes.length < 8) return emptyLedger
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  // Made at its size: an array that grew keeps room for more, a hundred thousand times.
  const entries = Array.from({ length: Math.floor(bytes.length / 8) }, (_, i) => view.getFloat64(i * 8))
  return entries.every(isEntry) ? entries : entries.filter(isEntry)
}

const isEntry = (entry: number): boolean => Number.isSafeInteger(entry) && entry >= 0

/**
 * 53 bits of two interleaved 32-bit multiplicative hashes (MurmurHash3's finaliser constants). Not cryptographic: item
 * ids come from Exchange, and whoever could choose them could as well not send the callback.
 */
export const hash53 = (text: string): number => {
  let a = 0xdeadbeef
  let b = 0x41c6ce57
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    a = Math.imul(a ^ code, 2654435761)
    b = Math.imul(b ^ code, 1597334677)
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
  return 4294967296 * (2097151 & b) + (a >>> 0)
}
