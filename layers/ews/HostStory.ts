import type { FaultName } from "../../schemas/Fault.ts"
import type { Trouble } from "../net/Outage.ts"

/** A line for the log, and what it says of a trouble that somebody can mend. */
export interface StoryLine {
  /**
   * `warning` with a fault is reported as a trouble, `info` with one settles it. `report`: the report alone, which has its own
   * line; `settled`: nothing but that.
   */
  readonly level: "warning" | "info" | "report" | "settled"
  readonly text: string
  readonly fault?: FaultName
  /** Host and port; together with `fault`. */
  readonly where?: string
}

/** A trouble that goes on is told again after so many milliseconds. */
export const TOLD_AGAIN = 3_600_000

/** Outages that are told one by one within that time; a host that comes and goes more often is told of once. */
export const OUTAGES_TOLD = 3

/**
 * What the log tells of one host's trouble: a few lines an hour, however many calls fail. Times are milliseconds of one
 * clock that never goes back.
 */
export class HostStory {
  readonly #host: string
  #refused = 0
  #toldAt = 0
  /** Outages since `#hourSince`. */
  #outages = 0
  #hourSince = 0
  #throttledToldAt: number | undefined
  #throttled = 0

  constructor(host: string) {
    this.#host = host
  }

  /** A call was not made because the host is down. */
  refused(): void {
    this.#refused += 1
  }

  /** The host went down. */
  down({ reason, since }: Trouble): StoryLine | undefined {
    if (this.#outages === 0 || since - this.#hourSince >= TOLD_AGAIN) {
      this.#outages = 0
      this.#hourSince = since
    }
    this.#outages += 1
    this.#refused = 0
    this.#toldAt = since
    if (this.#outages <= OUTAGES_TOLD) {
      return warning(`Exchange host ${this.#host} is down: ${reason}. Its users' calls wait; others go on`)
    }
    return this.#outages === OUTAGES_TOLD + 1
      ? warning(
          `Exchange host ${this.#host} comes and goes: down ${this.#outages} times within ${duration(since - this.#hourSince)}, now because: ${reason}. This is not told again within the hour`
        )
      : undefined
  }

  /** A probe failed. */
  stillDown({ reason, since }: Trouble, now: number): StoryLine | undefined {
    if (now - this.#toldAt < TOLD_AGAIN) return undefined
    this.#toldAt = now
    return warning(
      `Exchange host ${this.#host} is still down after ${duration(now - since)}: ${reason}. ${this.#refused} calls were not made`
    )
  }

  /** The host answers again. */
  up({ since }: Trouble, now: number): StoryLine | undefined {
    return this.#outages > OUTAGES_TOLD
      ? undefined
      : info(
          `Exchange host ${this.#host} answers again after ${duration(now - since)}; ${this.#refused} calls were not made`
        )
  }

  /** Exchange asks for a user to wait `wait` milliseconds. */
  throttled(responseCode: string, wait: number, now: number): StoryLine | undefined {
    this.#throttled += 1
    if (this.#throttledToldAt !== undefined && now - this.#throttledToldAt < TOLD_AGAIN) return undefined
    const before = this.#throttled - 1
    this.#throttledToldAt = now
    this.#throttled = 0
    return warning(
      `Exchange host ${this.#host} lets a user wait ${duration(wait)} (${responseCode}); others go on.` +
        (before > 0 ? ` So it did ${before} times since this was told` : " This is told once an hour")
    )
  }
}

export const warning = (text: string): StoryLine => ({ level: "warning", text })
export const info = (text: string): StoryLine => ({ level: "info", text })

/** For people, in the unit that fits. */
export const duration = (milliseconds: number): string => {
  const seconds = Math.round(milliseconds / 1000)
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`
}
