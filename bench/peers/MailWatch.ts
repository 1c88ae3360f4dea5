import { Latencies, type Spread } from "./Latencies.ts"
import { devicesOf } from "./Population.ts"

/** Which mails are on their way, and how long they took. */
export class MailWatch {
  readonly #waiting = new Map<number, { readonly due: number; devices: number }>()
  readonly #latencies = new Latencies()
  #serial = 0
  #withoutDetails = 0
  #duplicates = 0
  #last = 0

  /** Notifications that have not arrived yet. */
  get missing(): number {
    let devices = 0
    for (const waiting of this.#waiting.values()) devices += waiting.devices
    return devices
  }

  get isDone(): boolean {
    return this.#waiting.size === 0
  }

  /** A number that no mail has had yet. */
  next(): number {
    this.#serial += 1
    return this.#serial
  }

  /** Mail `serial` of user `index` was due at `due` (`performance.now()`). */
  expect(serial: number, index: number, due: number): void {
    this.#waiting.set(serial, { due, devices: devicesOf(index) })
  }

  arrived(serial: number, withDetails: boolean): void {
    const waiting = this.#waiting.get(serial)
    if (waiting === undefined) {
      this.#duplicates += 1
      return
    }
    this.#last = performance.now()
    this.#latencies.add(this.#last - waiting.due)
    if (!withDetails) this.#withoutDetails += 1
    waiting.devices -= 1
    if (waiting.devices === 0) this.#waiting.delete(serial)
  }

  /** What came of the mails since the last time; those that are still missing are given up. */
  take(): MailTally {
    const tally = {
      notified: this.#latencies.take(),
      withoutDetails: this.#withoutDetails,
      duplicates: this.#duplicates,
      missing: this.missing,
      last: this.#last
    }
    this.#waiting.clear()
    this.#withoutDetails = 0
    this.#duplicates = 0
    this.#last = 0
    return tally
  }
}

interface MailTally {
  readonly notified: Spread
  readonly withoutDetails: number
  readonly duplicates: number
  readonly missing: number
  /** When the last notification arrived (`performance.now()`), 0 = none did. */
  readonly last: number
}
