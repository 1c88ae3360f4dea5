/** One attribute of the target, or of the client's answer (AV_PAIR, MS-NLMP 2.2.2.1). */
export interface AvPair {
  readonly id: number
  readonly value: Buffer
}

/** Ids of attributes, as far as they are used here. */
export const AvId = {
  end: 0,
  netbiosComputer: 1,
  netbiosDomain: 2,
  dnsComputer: 3,
  dnsDomain: 4,
  flags: 6,
  timestamp: 7,
  targetName: 9,
  channelBinding: 10
} as const

/** Bit of the flags attribute: the message carries a MIC. */
export const AV_FLAG_MIC = 2

/** The attributes in front of the end mark; undefined if they are cut off. Shares the memory of `bytes`. */
export const parsePairs = (bytes: Buffer): ReadonlyArray<AvPair> | undefined => {
  const pairs: Array<AvPair> = []
  let at = 0
  while (at < bytes.length) {
    if (at + 4 > bytes.length) return undefined
    const id = bytes.readUInt16LE(at)
    const end = at + 4 + bytes.readUInt16LE(at + 2)
    if (id === AvId.end) return pairs
    if (end > bytes.length) return undefined
    pairs.push({ id, value: bytes.subarray(at + 4, end) })
    at = end
  }
  return pairs
}

/** With the end mark. */
export const writePairs = (pairs: ReadonlyArray<AvPair>): Buffer =>
  Buffer.concat([
    ...pairs.flatMap(({ id, value }) => {
      const head = Buffer.alloc(4)
      head.writeUInt16LE(id, 0)
      head.writeUInt16LE(value.length, 2)
      return [head, value]
    }),
    Buffer.alloc(4)
  ])

/** The value of the first attribute with this id. */
export const valueOf = (pairs: ReadonlyArray<AvPair>, id: number): Buffer | undefined =>
  pairs.find((pair) => pair.id === id)?.value

/** Bits of the flags attribute; 0 without one. */
export const avFlags = (pairs: ReadonlyArray<AvPair>): number => {
  const value = valueOf(pairs, AvId.flags)
  return value?.length === 4 ? value.readUInt32LE(0) : 0
}
