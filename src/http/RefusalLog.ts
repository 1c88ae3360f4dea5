import type { LimitName } from "./Limits.ts"
import { type Asker, plainAddress } from "./SourceAddress.ts"

/**
 * What limits refused since somebody looked, in a few words for each limit, however much it was: how many, and from where.
 * A source that makes nearly all of it is found without remembering the others (Boyer and Moore's majority vote).
 */
export class RefusalLog {
  readonly #tallies = new Map<LimitName, Tally>()
  readonly #begun: () => void

  /** `begun` is called when there is something to tell again. */
  constructor(begun: () => void = () => {}) {
    this.#begun = begun
  }

  /** `source` is where the asker comes from; "" = not known. */
  note(limit: LimitName, asker: Asker | undefined, source: string): void {
    if (this.#tallies.size === 0) this.#begun()
    const tally = this.#tallies.get(limit) ?? { count: 0, source, votes: 0, isForwarded: false }
    this.#tallies.set(limit, tally)
    tally.count++
    if (tally.votes === 0) {
      tally.source = source
      tally.isForwarded = false
    }
    tally.votes += tally.source === source ? 1 : -1
    // Of a trusted proxy the source would be another one than the peer.
    if (asker?.headers["x-forwarded-for"] !== undefined && tally.source === source) {
      tally.isForwarded = plainAddress(asker.socket.remoteAddress) === source
    }
  }

  /** One line for each limit that refused somebody, and begins anew. */
  take(): ReadonlyArray<string> {
    const lines = [...this.#tallies].map(([limit, tally]) => lineOf(limit, tally))
    this.#tallies.clear()
    return lines
  }
}

interface Tally {
  count: number
  source: string
  /** For `source`, less those against it. */
  votes: number
  /** It says that it asks for others, and nothing in the settings believes it. */
  isForwarded: boolean
}

const lineOf = (limit: LimitName, { count, isForwarded, source, votes }: Tally): string => {
  const isAlone = votes >= NEARLY_ALL * count
  const from = source === "" ? "" : `${isAlone ? ", nearly all" : ", for example"} from ${source}`
  const hint =
    isAlone && isForwarded
      ? `. They carry X-Forwarded-For: if ${source} is your proxy, name it in ENS_TRUSTED_PROXIES, else all its clients share one limit`
      : ""
  const what = OF_CONNECTIONS.has(limit) ? "connections were refused or cut" : "requests were refused"
  return `${SETTINGS[limit]}: ${count} ${what} in the last minute${from}${hint}`
}

const OF_CONNECTIONS: ReadonlySet<LimitName> = new Set(["connections", "addressConnections", "handshakes"])

/** Of all votes; its part of the refusals is then at least as large. */
const NEARLY_ALL = 0.9

const SETTINGS: Readonly<Record<LimitName, string>> = {
  address: "ENS_LIMIT_ADDRESS",
  failed: "ENS_LIMIT_FAILED",
  token: "ENS_LIMIT_TOKEN",
  user: "ENS_LIMIT_USER",
  newUsers: "ENS_LIMIT_NEW_USERS",
  registrations: "ENS_LIMIT_REGISTRATIONS",
  connections: "ENS_LIMIT_CONNECTIONS",
  addressConnections: "ENS_LIMIT_ADDRESS_CONNECTIONS",
  handshakes: "ENS_LIMIT_HANDSHAKES"
}
