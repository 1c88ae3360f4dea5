import type { Connection } from "tedious"

type MessageIo = Connection["messageIo"]
type Message = Awaited<ReturnType<MessageIo["readMessage"]>>

/**
 * The messages of a connection as the driver reads them, with what it cannot bear kept from it: an answer to PRELOGIN
 * (MS-TDS 2.2.6.5) that is none; the acknowledgement of an Attention in the very message that it interrupted (2.2.1.7),
 * after which the driver would wait for another one; and what nobody asked for, which it would take for the answer to the
 * next statement.
 */
export class MssqlMessages {
  private readonly read: () => Promise<Message>
  private readonly onUnasked: () => void
  /** Asked of the stream, and not given to anybody yet. */
  private arriving: Promise<Message> | undefined
  private waiting: ((message: Message) => void) | undefined

  /** `onUnasked` is called when a message comes while nobody waits for one. */
  constructor(io: MessageIo, onUnasked: () => void) {
    this.read = io.readMessage.bind(io)
    this.onUnasked = onUnasked
    const whole = io.readMessage
    io.readMessage = () => {
      // The handshake of TLS comes in messages too, and is left alone.
      io.readMessage = whole
      return this.prelogin()
    }
    this.takeOver = () => {
      io.readMessage = () => this.next()
    }
  }

  /** After the handshake of TLS, before the first request. */
  readonly takeOver: () => void

  /** The one who waits for the acknowledgement of an Attention gets it. */
  acknowledge(): void {
    this.waiting?.(messageOf(ACKNOWLEDGED))
    this.waiting = undefined
  }

  /** Looks for messages though nobody waits for one. */
  watch(): void {
    if (this.arriving !== undefined) return
    this.arriving = this.read()
    this.arriving.then(
      () => this.waiting ?? this.onUnasked(),
      () => {}
    )
  }

  private next(): Promise<Message> {
    return new Promise((resolve, reject) => {
      this.waiting = resolve
      this.watch()
      this.arriving?.then((message) => {
        // Who was answered by `acknowledge` leaves it to the next.
        if (this.waiting !== resolve) return
        this.arriving = undefined
        this.waiting = undefined
        resolve(message)
      }, reject)
    })
  }

  private async prelogin(): Promise<Message> {
    const parts: Array<Buffer> = []
    for await (const part of await this.read()) parts.push(part)
    const reply = Buffer.concat(parts)
    if (!isPrelogin(reply)) throw new Error("the answer is not that of a SQL Server")
    return messageOf(reply)
  }
}

/** The driver only iterates over it. */
const messageOf = (data: Buffer): Message => [data] as unknown as Message

/** DONE with DONE_ATTN (2.2.7.6). */
const ACKNOWLEDGED = Buffer.from([0xfd, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])

/** Bytes that the driver reads of an option, whatever length the option has. */
const READ: Readonly<Record<number, number>> = { 0: 6, 1: 1, 2: 1, 3: 4, 4: 1, 6: 1 }
const THREAD = 3
const END = 0xff

const isPrelogin = (reply: Buffer): boolean => {
  for (let at = 0; ; at += 5) {
    if (reply[at] === END) return true
    if (at + 5 > reply.length) return false
    const token = reply.readUInt8(at)
    const read = token === THREAD && reply.readUInt16BE(at + 3) === 0 ? 0 : (READ[token] ?? 0)
    if (read > 0 && reply.readUInt16BE(at + 1) + read > reply.length) return false
  }
}
