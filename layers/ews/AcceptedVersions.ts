import { EXCHANGE_VERSIONS, type ExchangeVersion } from "../../schemas/EwsMessage.ts"

/** Response codes that a lower `RequestServerVersion` may change (FACTS section 7). */
export const VERSION_CODES: ReadonlySet<string> = new Set([
  "ErrorInvalidServerVersion",
  "ErrorIncorrectSchemaVersion",
  "ErrorInvalidSchemaVersionForMailboxVersion"
])

/** Whether the version has what came with `since`. */
export const atLeast = (version: ExchangeVersion, since: ExchangeVersion): boolean =>
  EXCHANGE_VERSIONS.indexOf(version) >= EXCHANGE_VERSIONS.indexOf(since)

/** The lower of two versions. */
export const lower = (one: ExchangeVersion, other: ExchangeVersion): ExchangeVersion =>
  atLeast(one, other) ? other : one

/**
 * What to ask for after `refused` was refused: the next older version, or at once the one that the server said it speaks;
 * undefined if there is none. Push notifications and all else that is needed exist in every known version.
 */
export const olderThan = (
  refused: ExchangeVersion,
  told: ExchangeVersion | undefined
): ExchangeVersion | undefined => {
  const next = EXCHANGE_VERSIONS[EXCHANGE_VERSIONS.indexOf(refused) - 1]
  return next === undefined || told === undefined ? next : lower(next, told)
}

/**
 * Versions that servers accepted after they had refused newer ones, so that the next session need not find out again.
 * Kept for an hour (a server may be upgraded), for the origins that were heard of last.
 */
export class AcceptedVersions {
  readonly #known = new Map<string, { readonly version: ExchangeVersion; readonly until: number }>()

  /** What to ask first of the server at this origin, where `wanted` is wanted. `now`: milliseconds since 1970. */
  first(origin: string, wanted: ExchangeVersion, now: number): ExchangeVersion {
    const known = this.#known.get(origin)
    if (known === undefined) return wanted
    if (known.until > now) return lower(wanted, known.version)
    this.#known.delete(origin)
    return wanted
  }

  /** The server at this origin refused whatever is newer. */
  remember(origin: string, version: ExchangeVersion, now: number): void {
    this.#known.delete(origin)
    this.#known.set(origin, { version, until: now + KEPT })
    if (this.#known.size <= ORIGINS) return
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest)
      break
    }
  }
}

const KEPT = 3_600_000
const ORIGINS = 256
