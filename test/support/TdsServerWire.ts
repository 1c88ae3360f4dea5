/** The part of MS-TDS 7.4 that a scripted server needs: packets and requests in, tokens out. Numbers are MS-TDS sections. */

/** 2.2.3.1.1 */
export const PACKET = { batch: 1, rpc: 3, reply: 4, attention: 6, transaction: 14, login: 16, prelogin: 18 }

/** A client's message, whole. */
export interface Message {
  readonly type: number
  /** The client gave it up half-way. */
  readonly ignored: boolean
  readonly data: Buffer
}

/** Puts packets together (2.2.3.1). Feed it what arrives; it answers the messages that are complete. */
export const reader = () => {
  let rest = Buffer.alloc(0)
  let parts: Array<Buffer> = []
  return (chunk: Buffer): ReadonlyArray<Message> => {
    rest = Buffer.concat([rest, chunk])
    const messages: Array<Message> = []
    while (rest.length >= 8 && rest.length >= rest.readUInt16BE(2)) {
      const length = rest.readUInt16BE(2)
      const [type, status] = [rest[0]!, rest[1]!]
      parts.push(rest.subarray(8, length))
      rest = rest.subarray(length)
      if ((status & 1) === 0) continue
      messages.push({ type, ignored: (status & 2) !== 0, data: Buffer.concat(parts) })
      parts = []
    }
    return messages
  }
}

/** A reply in packets of at most 4,096 bytes; the message goes on when it is not `whole`. */
export const packets = (tokens: ReadonlyArray<Buffer>, whole = true): Buffer => {
  const data = Buffer.concat(tokens)
  const out: Array<Buffer> = []
  for (let at = 0, id = 1; at === 0 || at < data.length; at += 4088, id++) {
    const part = data.subarray(at, at + 4088)
    const last = whole && at + 4088 >= data.length
    out.push(Buffer.from([PACKET.reply, last ? 1 : 0, 0, 0, 0, 51, id & 255, 0]), part)
    out.at(-2)!.writeUInt16BE(part.length + 8, 2)
  }
  return Buffer.concat(out)
}

/** 2.2.6.5, answered: this server does not encrypt. */
export const preloginReply = Buffer.from([0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 255, 16, 0, 0, 0, 0, 0, 2])

/** What a LOGIN7 (2.2.6.4) says of its client. */
export const loginOf = (data: Buffer) => {
  const text = (at: number) => {
    const from = data.readUInt16LE(at)
    return data.toString("ucs2", from, from + 2 * data.readUInt16LE(at + 2))
  }
  return { user: text(40), app: text(48), database: text(68), readOnly: (data[26]! & 0x20) !== 0 }
}

/** 2.2.6.7: the text of a batch. */
export const batchOf = (data: Buffer): string => data.toString("ucs2", data.readUInt32LE(0))

/** 2.2.6.9: BEGIN 5, COMMIT 7, ROLLBACK 8, SAVE 9. */
export const transactionOf = (data: Buffer): number => data.readUInt16LE(data.readUInt32LE(0))

/** A call of sp_executesql (2.2.6.6): statement and values by parameter name, as the types of 2.2.5.4 carry them. */
export const callOf = (data: Buffer) => {
  let at = data.readUInt32LE(0) + 6
  const byte = () => data[at++]!
  const take = (length: number) => {
    at += length
    return data.subarray(at - length, at)
  }
  const short = () => take(2).readUInt16LE()
  const bytes = (max: number) => {
    if (max !== 0xffff) {
      const length = short()
      return length === 0xffff ? null : Buffer.from(take(length))
    }
    if (take(8).readBigUInt64LE() === 0xffff_ffff_ffff_ffffn) return null
    const chunks: Array<Buffer> = []
    for (let length = take(4).readUInt32LE(); length > 0; length = take(4).readUInt32LE()) {
      chunks.push(Buffer.from(take(length)))
    }
    return Buffer.concat(chunks)
  }
  const value = (): unknown => {
    const type = byte()
    const max = type === 0xe7 || type === 0xa5 ? short() : byte()
    if (type === 0xe7) take(5)
    if (type === 0xe7) return bytes(max)?.toString("ucs2") ?? null
    if (type === 0xa5) return bytes(max)
    const length = byte()
    if (length === 0) return null
    const held = take(length)
    if (type === 0x26) return length === 8 ? held.readBigInt64LE() : held.readIntLE(0, length)
    return type === 0x6d ? held.readDoubleLE() : held[0] === 1
  }
  const given: Array<readonly [string, unknown]> = []
  while (at < data.length) {
    const name = take(2 * byte()).toString("ucs2")
    byte()
    given.push([name.slice(1), value()])
  }
  return { sql: String(given[0]?.[1]), values: Object.fromEntries(given.slice(2)) as Record<string, unknown> }
}

const short = (value: number) => Buffer.from([value & 255, value >> 8])
const longText = (text: string) => Buffer.concat([short(text.length), Buffer.from(text, "ucs2")])
const shortText = (text: string) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text, "ucs2")])
const sized = (token: number, body: Buffer) => Buffer.concat([Buffer.from([token]), short(body.length), body])

/** 2.2.7.14 */
export const loginAck = sized(
  0xad,
  Buffer.concat([Buffer.from([1, 0x74, 0, 0, 4]), shortText("ScriptedTds"), Buffer.from([16, 0, 0, 0])])
)

/** 2.2.7.9: 20, the client is to connect to another server. */
export const routing = (server: string, port: number): Buffer => {
  const route = Buffer.concat([Buffer.from([0]), short(port), longText(server)])
  return sized(0xe3, Buffer.concat([Buffer.from([20]), short(route.length), route, short(0)]))
}

/** 2.2.7.9: transaction begun 8, committed 9, rolled back 10. */
export const transactionChange = (kind: 8 | 9 | 10, descriptor: number): Buffer => {
  const id = Buffer.alloc(8)
  id.writeUInt32LE(descriptor)
  const [fresh, old] =
    kind === 8
      ? [Buffer.concat([Buffer.from([8]), id]), Buffer.from([0])]
      : [Buffer.from([0]), Buffer.concat([Buffer.from([8]), id])]
  return sized(0xe3, Buffer.concat([Buffer.from([kind]), fresh, old]))
}

/** 2.2.7.10 */
export const errorToken = (error: {
  number: number
  class: number
  state: number
  message: string
}): Buffer => {
  const number = Buffer.alloc(4)
  number.writeInt32LE(error.number)
  return sized(
    0xaa,
    Buffer.concat([
      number,
      Buffer.from([error.state, error.class]),
      longText(error.message),
      shortText("scripted"),
      shortText(""),
      Buffer.alloc(4)
    ])
  )
}

/** 2.2.7.6 to 2.2.7.8. Flags: more 1, error 2, count 16, attention 32. */
export const done = (kind: "done" | "doneProc" | "doneInProc", flags: number, count = 0): Buffer => {
  const token = Buffer.alloc(13)
  token[0] = { done: 0xfd, doneProc: 0xfe, doneInProc: 0xff }[kind]
  token.writeUInt16LE(flags, 1)
  token.writeBigUInt64LE(BigInt(count), 5)
  return token
}

/** COLMETADATA and ROWs (2.2.7.4, 2.2.7.19): number INT, bigint BIGINT, string NVARCHAR, bytes VARBINARY, null anywhere. */
export const rowTokens = (columns: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<unknown>>) => {
  const kinds = columns.map((_, index) => {
    const sample = rows.map((row) => row[index]).find((value) => value !== null)
    return sample instanceof Uint8Array ? "bytes" : typeof sample
  })
  const described = columns.map((name, index) => {
    const kind = kinds[index]
    const info =
      kind === "number"
        ? [0x26, 4]
        : kind === "bigint"
          ? [0x26, 8]
          : kind === "bytes"
            ? [0xa5, 0x40, 0x1f]
            : [0xe7, 0x40, 0x1f, 9, 4, 0xd0, 0, 0x34]
    return Buffer.concat([Buffer.from([0, 0, 0, 0, 9, 0, ...info]), shortText(name)])
  })
  const cell = (value: unknown, kind: string | undefined): Buffer => {
    const integer = kind === "number" || kind === "bigint"
    if (value === null) return integer ? Buffer.from([0]) : Buffer.from([255, 255])
    const held = Buffer.alloc(integer ? (kind === "number" ? 4 : 8) : 0)
    if (kind === "number") held.writeInt32LE(value as number)
    else if (kind === "bigint") held.writeBigInt64LE(value as bigint)
    if (integer) return Buffer.concat([Buffer.from([held.length]), held])
    const bytes = value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(String(value), "ucs2")
    return Buffer.concat([short(bytes.length), bytes])
  }
  return Buffer.concat([
    Buffer.from([0x81]),
    short(columns.length),
    ...described,
    ...rows.map((row) =>
      Buffer.concat([Buffer.from([0xd1]), ...row.map((value, index) => cell(value, kinds[index]))])
    )
  ])
}
