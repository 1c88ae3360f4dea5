import { isFinal, Verdict } from "../../schemas/Push.ts"
import { Outage, type Trouble } from "../net/Outage.ts"

/** What a circuit says of a notification that wants to be sent now. */
export type Admission =
  | { readonly _tag: "Send" }
  /** The gateway is down, and this one finds out whether it still is. */
  | { readonly _tag: "Probe" }
  | { readonly _tag: "Refuse"; readonly verdict: Verdict }

/** Milliseconds that a throttling gateway is left alone: when it names no time, and at most. */
export const PAUSE_DEFAULT = 5_000
export const PAUSE_LONGEST = 5 * 60_000

/**
 * What is known of one gateway's health. Plain state, moved on by whoever sends; times are milliseconds of one clock
 * that never goes back.
 *
 * - It opens when a request brings nothing but `GatewayDown`. One is enough, because a gateway says so only of trouble
 *   that all its notifications share. It closes at the first answer that says anything else, probe or not.
 * - While it is open everything is refused at once, except one probe at a time (`Outage` says when).
 * - A gateway that throttles everyone is left alone for the time it named, at most 5 min. That is no outage: what
 *   remains of the time is answered as `RetryLater`, and the gateway counts as up.
 */
export class Circuit {
  private readonly outage = new Outage()
  private pausedUntil = 0
  private probing = false
  /** A probe has failed since it opened: the trouble is none that passes. */
  private lasting = false

  /** After `Probe` the caller owes a `report` with `probe` set, or `abandonProbe`. */
  admit(now: number): Admission {
    if (this.outage.probeDue(now)) {
      this.outage.beginProbe()
      this.probing = true
      return { _tag: "Probe" }
    }
    const verdict = this.refusal(now)
    return verdict ? { _tag: "Refuse", verdict } : { _tag: "Send" }
  }

  /** What a notification that is no probe is answered without asking the gateway; undefined = it may be sent. */
  refusal(now: number): Verdict | undefined {
    const { trouble } = this.outage
    if (trouble) return Verdict.GatewayDown({ reason: trouble.reason })
    const remaining = this.pausedUntil - now
    return remaining > 0 ? Verdict.RetryLater({ after: remaining, everyone: true }) : undefined
  }

  /** A request came back with these verdicts. */
  report(verdicts: ReadonlyArray<Verdict>, probe: boolean, now: number): void {
    const answer = verdicts.find((verdict) => verdict._tag !== "GatewayDown")
    const failure = verdicts.find((verdict) => verdict._tag === "GatewayDown")
    if (probe) this.probing = false
    if (!answer && failure) {
      if (probe) this.lasting = true
      return this.outage.failed(failure.reason, probe, now)
    }
    if (probe) this.outage.endProbe()
    if (answer) this.answered(verdicts, now)
  }

  /** The probe did not find out anything; the next notification may be one. */
  abandonProbe(): void {
    this.probing = false
    this.outage.endProbe()
  }

  /**
   * Milliseconds until a notification that was not answered finally may be tried again: until the gateway is to be asked
   * again. undefined: it has been down for longer than until its first probe, and nobody should wait for it.
   */
  retryIn(now: number): number | undefined {
    if (this.outage.trouble === undefined) return Math.max(0, this.pausedUntil - now)
    if (this.lasting) return undefined
    return this.probing ? 0 : this.outage.remaining(now)
  }

  /** Neither down nor throttled, or a probe is due. */
  accepts(now: number): boolean {
    return this.outage.probeDue(now) || this.refusal(now) === undefined
  }

  /** Since when the gateway is down, and why; undefined while it is up. */
  get trouble(): Trouble | undefined {
    return this.outage.trouble
  }

  private answered(verdicts: ReadonlyArray<Verdict>, now: number): void {
    this.outage.over()
    this.lasting = false
    let pause = 0
    for (const verdict of verdicts)
      if (verdict._tag === "RetryLater" && verdict.everyone)
        pause = Math.max(pause, verdict.after > 0 ? verdict.after : PAUSE_DEFAULT)
    if (pause > 0) this.pausedUntil = now + Math.min(pause, PAUSE_LONGEST)
    else if (verdicts.some(isFinal)) this.pausedUntil = 0
  }
}
