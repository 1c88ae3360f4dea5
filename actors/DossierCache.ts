import type { StoredDossier } from "../layers/storage/Storage.ts"
import type { UserNumber } from "../schemas/Ids.ts"
import { decodeDossier, encodeDossier } from "./DossierText.ts"

export interface Kept {
  readonly dossier: StoredDossier
  /** When it has to be read anew, if storage is there (ms). */
  readonly until: number
}

/** A mail asks for its user's dossier several times within moments: the last ones are kept as they are. */
const UNPACKED = 500
/** Besides the text: its place in the map and the entry. */
const OVERHEAD = 120

/**
 * Dossiers within a number of bytes of memory; the one read longest ago goes first. But for the last few they are kept as
 * text, so that 64 MB hold some 80,000 users. Plain state.
 */
export class DossierCache {
  readonly #limit: number
  readonly #packed = new Map<UserNumber, { readonly text: string; readonly until: number }>()
  readonly #unpacked = new Map<UserNumber, Kept & { readonly isPacked: boolean }>()
  #bytes = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  get(user: UserNumber): Kept | undefined {
    const unpacked = this.#unpacked.get(user)
    if (unpacked !== undefined) return unpacked
    const packed = this.#packed.get(user)
    if (packed === undefined) return undefined
    const kept = { dossier: decodeDossier(packed.text), until: packed.until, isPacked: true }
    this.#unpack(user, kept)
    return kept
  }

  set(user: UserNumber, kept: Kept): void {
    this.delete(user)
    this.#unpack(user, { ...kept, isPacked: false })
  }

  delete(user: UserNumber): void {
    this.#unpacked.delete(user)
    const packed = this.#packed.get(user)
    if (packed === undefined) return
    this.#packed.delete(user)
    this.#bytes -= packed.text.length + OVERHEAD
  }

  #unpack(user: UserNumber, kept: Kept & { readonly isPacked: boolean }): void {
    this.#unpacked.set(user, kept)
    if (this.#unpacked.size <= UNPACKED) return
    const [oldest] = this.#unpacked
    if (oldest === undefined) return
    const [other, { dossier, isPacked, until }] = oldest
    this.#unpacked.delete(other)
    if (!isPacked) this.#pack(other, encodeDossier(dossier), until)
  }

  #pack(user: UserNumber, text: string, until: number): void {
    this.#packed.set(user, { text, until })
    this.#bytes += text.length + OVERHEAD
    for (const oldest of this.#packed.keys()) {
      if (this.#bytes <= this.#limit) break
      this.delete(oldest)
    }
  }
}
