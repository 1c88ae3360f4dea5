import type { PushEndpoint, PushTarget } from "../../schemas/Push.ts"
import type { SnsPlatform } from "./SnsPlatforms.ts"

/** At most so many endpoints are remembered; about 500 bytes each. */
export const ENDPOINTS_MAX = 4_000

/**
 * The endpoints that were made or changed lately. Whoever sends may have read the device before its endpoint was stored,
 * so what is remembered here is newer than what comes with the device. Plain state; what is forgotten too early is
 * asked for again, and SNS answers the same.
 */
export class SnsEndpoints {
  readonly #recent = new Map<string, PushEndpoint>()

  /** The endpoint of the device's token at this platform application. */
  known(target: PushTarget, platform: SnsPlatform): PushEndpoint | undefined {
    const recent = this.#recent.get(keyOf(target, platform))
    if (recent !== undefined) return recent
    // One of another platform application: the settings have changed.
    return target.endpoint?.arn.startsWith(platform.endpoints) ? target.endpoint : undefined
  }

  remember(target: PushTarget, platform: SnsPlatform, endpoint: PushEndpoint): void {
    const key = keyOf(target, platform)
    this.#recent.delete(key)
    this.#recent.set(key, endpoint)
    for (const oldest of this.#recent.keys()) {
      if (this.#recent.size <= ENDPOINTS_MAX) break
      this.#recent.delete(oldest)
    }
  }

  forget(target: PushTarget, platform: SnsPlatform): void {
    this.#recent.delete(keyOf(target, platform))
  }
}

// Two users may share a phone; each one's device is stored by itself.
const keyOf = ({ token, user }: PushTarget, { arn }: SnsPlatform) => `${user ?? ""} ${arn} ${token}`
