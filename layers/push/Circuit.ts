import { isFinal, Verdict } from "../../schemas/Push.ts"

/** What a circuit says of a notification that wants to be sent now. */
export type Admission =
  | { readonly _tag: "Send" }
  /** The gateway is down, and this one finds out whether it still is. */
  | { readonly _tag: "Probe" }
  | { readonly _tag: "Refuse"; readonly verdict: Verdict }

/** Milliseconds between probes of a gateway that is down: the first, and the longest after doubling. */
export const PROBE_FIRST = 5_000
export const PROBE_LONGEST = 60_000

/** Milliseconds that a throttling gateway is left alone: when it names no time, and at most. */
export const PAUSE_DEFAULT = 5_000
export const PAUSE_LONGEST = 5 * 60_000

/**
 * What is known of one gateway's health. Plain state, moved on by whoever sends; times are milliseconds of one clock
 * that never goes back.
 *
 * - It opens when a request brings nothing but `GatewayDown`. One is enough, because a gateway says so only of trouble
 *   that all its notifications share. It closes at the first answer that says anything else, probe or not.
 * - While it is open everything is refused at once, except one probe: 5 s after it opened, then 10, 20, 40, 60, 60 … s
 *   after the probe before failed; never two at a time.
 * - A gateway that throttles everyone is left alone for the time it named, at most 5 min. That is no outage: what
 *   remains of the time is answered as `RetryLater`, and the gateway counts as up.
 */
export class Circuit {
  private open: { readonly since: number; readonly reason: string } | undefined
  private backOff = PROBE_FIRST
  private probeAt = 0
  private probing = false
  private pausedUntil = 0

  /** After `Probe` the caller owes a `report` with `probe` set, or `abandonProbe`. */
  admit(now: number): Admission {
    if (this.probeDue(now)) {
      this.probing = true
      return { _tag: "Probe" }
    }
    const verdict = this.refusal(now)
    return verdict ? { _tag: "Refuse", verdict } : { _tag: "Send" }
  }

  /** What a notification that is no probe is answered without asking the gateway; undefined = it may be sent. */
  refusal(now: number): Verdict | undefined {
    if (this.open) return Verdict.GatewayDown({ reason: this.open.reason })
    const remaining = this.pausedUntil - now
    return remaining > 0 ? Verdict.RetryLater({ after: remaining, everyone: true }) : undefined
  }

  /** A request came back with these verdicts. */
  report(verdicts: ReadonlyArray<Verdict>, probe: boolean, now: number): void {
    if (probe) this.probing = false
    const answer = verdicts.find((verdict) => verdict._tag !== "GatewayDown")
    const failure = verdicts.find((verdict) => verdict._tag === "GatewayDown")
    if (answer) this.answered(verdicts, now)
    else if (failure) this.failed(failure.reason, probe, now)
  }

  /** The probe did not find out anything; the next notification may be one. */
  abandonProbe(): void {
    this.probing = false
  }

  /** Neither down nor throttled, or a probe is due. */
  accepts(now: number): boolean {
    return this.probeDue(now) || this.refusal(now) === undefined
  }

  /** Since when the gateway is down, and why; undefined while it is up. */
  get trouble(): { readonly since: number; readonly reason: string } | undefined {
    return this.open
  }

  private probeDue(now: number): boolean {
    return this.open !== undefined && !this.probing && now >= this.probeAt
  }

  private answered(verdicts: ReadonlyArray<Verdict>, now: number): void {
    this.open = undefined
    let pause = 0
    for (const verdict of verdicts)
      if (verdict._tag === "RetryLater" && verdict.everyone)
        pause = Math.max(pause, verdict.after > 0 ? verdict.after : PAUSE_DEFAULT)
    if (pause > 0) this.pausedUntil = now + Math.min(pause, PAUSE_LONGEST)
    else if (verdicts.some(isFinal)) this.pausedUntil = 0
  }

  private failed(reason: string, probe: boolean, now: number): void {
    // What was under way when it opened fails as well; only a probe tells that it still is down.
    if (!this.open || probe) {
      this.backOff = this.open ? Math.min(this.backOff * 2, PROBE_LONGEST) : PROBE_FIRST
      this.probeAt = now + this.backOff
    }
    this.open = { since: this.open?.since ?? now, reason }
  }
}
