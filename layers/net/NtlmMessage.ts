/** What all NTLM messages begin with (MS-NLMP 2.2.1). */
export const SIGNATURE = Buffer.from("NTLMSSP\0", "latin1")

/** Longer messages are not read; a Windows server's challenge has some 300 bytes. */
export const MESSAGE_LIMIT = 32_768

/** Bits of NegotiateFlags (MS-NLMP 2.2.2.5), as far as they are used here. */
export const Flag = {
  unicode: 0x0000_0001,
  requestTarget: 0x0000_0004,
  ntlm: 0x0000_0200,
  alwaysSign: 0x0000_8000,
  targetIsDomain: 0x0001_0000,
  extendedSessionSecurity: 0x0008_0000,
  targetInfo: 0x0080_0000,
  version: 0x0200_0000,
  key128: 0x2000_0000
} as const

/** Windows 10, NTLM revision 15 (MS-NLMP 2.2.2.10); some servers refuse messages without a version. */
export const VERSION = Buffer.from([10, 0, 0x61, 0x4a, 0, 0, 0, 15])

/** Kind of message, or undefined if it is none. */
export const messageType = (bytes: Buffer): number | undefined =>
  bytes.length >= 12 && bytes.length <= MESSAGE_LIMIT && bytes.subarray(0, 8).equals(SIGNATURE)
    ? bytes.readUInt32LE(8)
    : undefined

/**
 * Assembles a message: `size` bytes of fixed part, whose number fields `fill` writes, and the payloads behind it, each
 * with its length, length again and offset at `at`.
 */
export const assemble = (
  type: number,
  size: number,
  fill: (head: Buffer) => void,
  payloads: ReadonlyArray<{ readonly at: number; readonly bytes: Buffer }> = []
): Buffer => {
  const head = Buffer.alloc(size)
  SIGNATURE.copy(head)
  head.writeUInt32LE(type, 8)
  fill(head)
  let offset = size
  for (const { at, bytes } of payloads) {
    head.writeUInt16LE(bytes.length, at)
    head.writeUInt16LE(bytes.length, at + 2)
    head.writeUInt32LE(offset, at + 4)
    offset += bytes.length
  }
  return Buffer.concat([head, ...payloads.map(({ bytes }) => bytes)])
}

/** The payload that the field at `at` points to; undefined if it lies outside of the message. Shares its memory. */
export const payload = (message: Buffer, at: number): Buffer | undefined => {
  if (message.length < at + 8) return undefined
  const length = message.readUInt16LE(at)
  const offset = message.readUInt32LE(at + 4)
  if (length === 0) return message.subarray(0, 0)
  return offset + length <= message.length ? message.subarray(offset, offset + length) : undefined
}

export const utf16 = (text: string): Buffer => Buffer.from(text, "utf16le")

/** Windows counts in 100 ns since 1601; `now` in milliseconds since 1970. */
export const fileTime = (now: number): Buffer => {
  const time = Buffer.alloc(8)
  time.writeBigUInt64LE((BigInt(Math.floor(now)) + 11_644_473_600_000n) * 10_000n)
  return time
}
