import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto"
import type { AdminToken } from "../../../layers/storage/Storage.ts"

/** Milliseconds after which a session ends, whatever is done in it. */
export const ABSOLUTE = 12 * 3_600_000
/** Milliseconds after the last thing that somebody did in it. */
export const IDLE = 30 * 60_000
/** Milliseconds within which reading the same again is what a page does by itself, to be up to date. */
export const REPEATED = 2 * 60_000
/** So many things that a page reads are remembered. */
const READ_MAX = 20
/** With one more, the one that was used longest ago ends. */
export const SESSIONS_MAX = 50

/** What a request may know of its session. Times: milliseconds since 1970. */
export interface Session {
  readonly token: AdminToken
  /** Must come back in a header with whatever changes something. */
  readonly proof: string
  /** Unless somebody does something before. */
  readonly expiresAt: number
}

/**
 * The sessions of the console, in memory only. An id is 256 random bits and only its hash is kept; the proof is made of the
 * id, so that it needs no keeping. Plain state; `now`: milliseconds of one clock.
 */
export class SessionBook {
  readonly #held = new Map<string, Held>()

  /** The new session's id. Ids are never taken from outside. */
  begin(token: AdminToken, now: number): string {
    this.prune(now)
    const id = randomBytes(32).toString("base64url")
    if (this.#held.size >= SESSIONS_MAX) this.#held.delete(this.#held.keys().next().value!)
    const { expiresAt } = token
    this.#held.set(hashOf(id), { token, expiresAt, startedAt: now, usedAt: now, readAt: new Map() })
    return id
  }

  /**
   * The session with this id. `reads`: what is read in it; undefined = something else is done. Pages that update themselves
   * do not keep a session alive.
   */
  find(id: string, now: number, reads?: string): Session | undefined {
    const key = hashOf(id)
    const held = this.#held.get(key)
    if (held === undefined) return undefined
    if (endOf(held) <= now) {
      this.#held.delete(key)
      return undefined
    }
    if (reads === undefined || isNew(held, reads, now)) {
      held.usedAt = now
      // Last in the map is who did something last.
      this.#held.delete(key)
      this.#held.set(key, held)
    }
    return { token: held.token, proof: proofOf(id), expiresAt: endOf(held) }
  }

  /** False if there was none. */
  end(id: string): boolean {
    return this.#held.delete(hashOf(id))
  }

  /** Ends those of other tokens; `ends`: when the tokens that there are end, by id. No session lives longer than its token. */
  keepOnly(ends: ReadonlyMap<string, number | null>): void {
    for (const [key, held] of this.#held) {
      const expiresAt = ends.get(held.token.id)
      if (expiresAt === undefined) this.#held.delete(key)
      else held.expiresAt = expiresAt
    }
  }

  /** Ends those of this token. */
  endThoseOf(tokenId: string): void {
    for (const [key, { token }] of this.#held) if (token.id === tokenId) this.#held.delete(key)
  }

  prune(now: number): void {
    for (const [key, held] of this.#held) if (endOf(held) <= now) this.#held.delete(key)
  }

  get size(): number {
    return this.#held.size
  }
}

/** In constant time. */
export const isProof = ({ proof }: Session, shown: string | undefined): boolean => {
  const [one, other] = [Buffer.from(proof), Buffer.from(shown ?? "")]
  return one.length === other.length && timingSafeEqual(one, other)
}

interface Held {
  readonly token: AdminToken
  /** Of the token, as last heard; null = not by itself. */
  expiresAt: number | null
  readonly startedAt: number
  usedAt: number
  /** When what was read last, the latest at the end. */
  readonly readAt: Map<string, number>
}

/** Whether this was not read just before. */
const isNew = ({ readAt }: Held, what: string, now: number): boolean => {
  const last = readAt.get(what)
  readAt.delete(what)
  readAt.set(what, now)
  if (readAt.size > READ_MAX) readAt.delete(readAt.keys().next().value!)
  return last === undefined || now - last > REPEATED
}

const endOf = ({ expiresAt, startedAt, usedAt }: Held): number =>
  Math.min(startedAt + ABSOLUTE, usedAt + IDLE, expiresAt ?? Number.POSITIVE_INFINITY)

const hashOf = (id: string): string => createHash("sha256").update(id).digest("base64url")

const proofOf = (id: string): string => createHmac("sha256", id).update("console proof").digest("base64url")
