import { type PushNotification, Verdict } from "../../schemas/Push.ts"

/** So many failures, each alone in its request and with deliveries of others in between, convict a notification. */
export const STRIKES = 3

/** Notifications remembered per gateway; the one that failed longest ago is forgotten first. */
export const REMEMBERED_MAX = 1_000

/**
 * Tells a notification that a gateway stumbles over from a gateway that is down. Both look the same from one answer, and
 * without the difference one such notification would open the circuit again and again, for everybody, until it expires.
 * Plain state, one for each gateway.
 */
export class Suspects {
  private readonly strikes = new Map<string, { readonly count: number; readonly delivered: number }>()
  private delivered = 0

  /** The verdicts of one request, with `Rejected` for the notification that is convicted by them. */
  judge(batch: ReadonlyArray<PushNotification>, verdicts: ReadonlyArray<Verdict>): ReadonlyArray<Verdict> {
    for (const [i, verdict] of verdicts.entries()) {
      const id = batch[i]?.id
      if (verdict._tag === "GatewayDown" || id === undefined) continue
      if (verdict._tag === "Delivered") this.delivered++
      this.strikes.delete(id)
    }
    const [alone, ...others] = batch
    const [verdict] = verdicts
    if (alone === undefined || others.length > 0 || verdict?._tag !== "GatewayDown") return verdicts
    if (!this.strike(alone.id)) return verdicts
    const reason = `failed ${STRIKES} times while others were delivered: ${verdict.reason}`
    return [Verdict.Rejected({ reason })]
  }

  /** How many are suspected at the moment. */
  get size(): number {
    return this.strikes.size
  }

  private strike(id: string): boolean {
    const before = this.strikes.get(id)
    // Nobody else got through since: it may well be the gateway.
    if (before?.delivered === this.delivered) return false
    const count = (before?.count ?? 0) + 1
    this.strikes.delete(id)
    if (count >= STRIKES) return true
    this.strikes.set(id, { count, delivered: this.delivered })
    const [oldest] = this.strikes.keys()
    if (this.strikes.size > REMEMBERED_MAX && oldest !== undefined) this.strikes.delete(oldest)
    return false
  }
}
