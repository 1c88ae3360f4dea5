import { type PushNotification, Verdict } from "../../schemas/Push.ts"

/** So many failures, each alone in its request, convict a notification; see `Suspects`. */
export const STRIKES = 5

/**
 * Tells a notification that a gateway stumbles over from a gateway that is down. Both look the same from one answer, and
 * without the difference one such notification would open the circuit again and again, for everybody, until it expires.
 * Convicted is only who fails again and again while others are delivered in between and nobody else fails: a gateway
 * that fails over this one and that one flaps. Plain state, one for each gateway.
 */
export class Suspects {
  private suspect: { readonly id: string; readonly strikes: number; readonly delivered: number } | undefined
  private delivered = 0

  /** The verdicts of one request, with `Rejected` for the notification that is convicted by them. */
  judge(batch: ReadonlyArray<PushNotification>, verdicts: ReadonlyArray<Verdict>): ReadonlyArray<Verdict> {
    for (const [i, verdict] of verdicts.entries()) {
      if (verdict._tag === "GatewayDown") continue
      if (verdict._tag === "Delivered") this.delivered++
      if (batch[i]?.id === this.suspect?.id) this.suspect = undefined
    }
    const [alone, ...others] = batch
    const [verdict] = verdicts
    if (alone === undefined || others.length > 0 || verdict?._tag !== "GatewayDown") return verdicts
    if (!this.strike(alone.id)) return verdicts
    const reason = `failed ${STRIKES} times while others were delivered: ${verdict.reason}`
    return [Verdict.Rejected({ reason })]
  }

  private strike(id: string): boolean {
    const { delivered, suspect } = this
    if (suspect?.id !== id) {
      this.suspect = { id, strikes: 1, delivered }
      return false
    }
    // Nobody else got through since: it may well be the gateway.
    if (suspect.delivered === delivered) return false
    const strikes = suspect.strikes + 1
    this.suspect = strikes < STRIKES ? { id, strikes, delivered } : undefined
    return strikes >= STRIKES
  }
}
