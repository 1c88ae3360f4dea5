import type { IncomingMessage } from "node:http"
import { BODY_LIMIT } from "../../schemas/BodyLimit.ts"
import { Deadline } from "./Deadlines.ts"

/**
 * A body that is too large is still read up to here, and thrown away: closing before a client has sent everything makes
 * the kernel reset the connection, and many clients then never see the answer. Bytes.
 */
export const DRAIN_MAX = 4 * 1024 * 1024

/** `aborted`: the client hung up, nobody is left to be answered. `slow`: cut off from outside. */
export type BodyTrouble = "too large" | "aborted" | "slow"

/** Bytes that all readers keep at the moment, for shedding. */
export interface BodyLedger {
  bytes: number
}

/**
 * Reads one body of at most `BODY_LIMIT` bytes and calls `done` once. With `keep` false it only counts them. A heartbeat
 * has 1,000 bytes, a callback of a busy mailbox some 10,000.
 */
export class BodyReader extends Deadline {
  readonly #request: IncomingMessage
  readonly #keep: boolean
  readonly #ledger: BodyLedger
  readonly #done: (body: Buffer | BodyTrouble) => void
  #chunks: Array<Buffer> = []
  #size = 0
  #kept = 0
  #open = true

  constructor(
    request: IncomingMessage,
    keep: boolean,
    ledger: BodyLedger,
    done: (body: Buffer | BodyTrouble) => void
  ) {
    super()
    this.#request = request
    this.#keep = keep
    this.#ledger = ledger
    this.#done = done
  }

  /** `done` is called at once if the declared length is out of all proportion. */
  start(): void {
    if (declaredLength(this.#request) > DRAIN_MAX) {
      this.#finish("too large")
      return
    }
    this.#request.on("data", (chunk: Buffer) => this.#take(chunk))
    this.#request.on("end", () => this.#finish(this.#size > BODY_LIMIT ? "too large" : undefined))
    this.#request.on("error", () => this.#finish("aborted"))
  }

  /** The time allowed is over. */
  cut(): void {
    this.#finish("slow")
  }

  #take(chunk: Buffer): void {
    if (!this.#open) return
    this.#size += chunk.length
    if (this.#size > DRAIN_MAX) this.#finish("too large")
    else if (this.#size > BODY_LIMIT) this.#forget()
    else if (this.#keep) {
      this.#chunks.push(chunk)
      this.#kept += chunk.length
      this.#ledger.bytes += chunk.length
    }
  }

  #finish(trouble: BodyTrouble | undefined): void {
    if (!this.#open) return
    this.#open = false
    const body = trouble ?? (this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks))
    this.#forget()
    this.#done(body)
  }

  #forget(): void {
    this.#ledger.bytes -= this.#kept
    this.#kept = 0
    this.#chunks = []
  }
}

/** By hand: `request.headers` makes an object of all headers, which nothing else on this path needs. NaN = not declared. */
const declaredLength = ({ rawHeaders }: IncomingMessage): number => {
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]
    if (name?.length === NAME.length && name.toLowerCase() === NAME) return Number(rawHeaders[i + 1])
  }
  return Number.NaN
}

const NAME = "content-length"
