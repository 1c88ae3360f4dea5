import { randomBytes } from "node:crypto"

/** Ids and watermarks look like real ones, which hold their mailbox's GUID; to clients they are opaque. */

/** 152 characters of base64. */
export const newItemId = (guid: string): string => newId(ITEM, guid, 113)

/** 120 characters of base64. */
export const newFolderId = (guid: string): string => newId(FOLDER, guid, 88)

/** The mailbox GUID inside an item or folder id; undefined if it is none. */
export const mailboxGuidOf = (id: string): string | undefined => {
  const bytes = Buffer.from(id, "base64")
  const shaped = bytes.length >= 40 && bytes.toString("base64") === id && bytes.readUInt16BE(1) === MARK
  return shaped ? bytes.toString("ascii", 4, 40) : undefined
}

/** A position in a mailbox's event history. */
export const watermarkOf = (guid: string, sequence: number): string => {
  const bytes = Buffer.alloc(WATERMARK_BYTES)
  bytes[0] = 1
  Buffer.from(guid.replaceAll("-", ""), "hex").copy(bytes, 4)
  bytes.writeBigUInt64LE(BigInt(sequence), 20)
  bytes[28] = 1
  return bytes.toString("base64")
}

/** The position that a watermark means; undefined if it is not one of this mailbox. */
export const sequenceOf = (guid: string, watermark: string): number | undefined => {
  const bytes = Buffer.from(watermark, "base64")
  if (bytes.length !== WATERMARK_BYTES) return undefined
  const sequence = Number(bytes.readBigUInt64LE(20))
  return Number.isSafeInteger(sequence) && watermarkOf(guid, sequence) === watermark ? sequence : undefined
}

const newId = (type: number, guid: string, length: number): string => {
  const head = Buffer.from([type, MARK >> 8, MARK & 0xff, 0x00])
  return Buffer.concat([
    head,
    Buffer.from(guid, "ascii"),
    randomBytes(length - head.length - guid.length)
  ]).toString("base64")
}

const ITEM = 0x00
const FOLDER = 0x01
const MARK = 0x0324
const WATERMARK_BYTES = 29
