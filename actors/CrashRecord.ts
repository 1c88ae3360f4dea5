/** What is known of an actor's crashes; made at its first one. */
export class CrashRecord<M> {
  private times: Array<number>
  /** The message whose handling crashed, until it is settled. */
  inHand: M | undefined

  constructor() {
    this.times = []
    this.inHand = undefined
  }

  /** Counts a crash at `now` and gives how many there were within the last `window` ms, this one included. */
  count(now: number, window: number): number {
    this.times = this.times.filter((time) => time > now - window)
    this.times.push(now)
    return this.times.length
  }

  /** True if nothing is left to remember. */
  isOver(now: number, window: number): boolean {
    return this.inHand === undefined && this.times.every((time) => time <= now - window)
  }
}

/** How long to wait before restart `attempt` (1, 2, …): doubling from `least` to `most` ms. */
export const backOff = (attempt: number, least: number, most: number): number =>
  Math.min(most, least * 2 ** Math.min(attempt - 1, 30))
