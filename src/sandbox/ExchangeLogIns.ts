import type { Mailbox } from "./ExchangeMailbox.ts"

/** Counts log-ins by outcome, and locks an account after too many failures in a row, as a directory does. */
export class LogIns {
  /** `anonymous` are requests that did not try, among them the first leg of NTLM: they get a challenge. */
  readonly counts = { ok: 0, failed: 0, anonymous: 0 }
  readonly #failed = new Map<Mailbox, number>()
  readonly #inARow = new Map<Mailbox, number>()
  /** Failures in a row that lock an account; undefined = never. */
  lockAfter: number | undefined

  constructor(lockAfter: number | undefined) {
    this.lockAfter = lockAfter
  }

  anonymous(): void {
    this.counts.anonymous += 1
  }

  succeeded(user: Mailbox): void {
    this.counts.ok += 1
    this.#inARow.delete(user)
  }

  /** `user`: whom the log-in named; undefined = nobody who is known. */
  failed(user: Mailbox | undefined): void {
    this.counts.failed += 1
    if (user === undefined) return
    this.#failed.set(user, this.failuresOf(user) + 1)
    this.#inARow.set(user, (this.#inARow.get(user) ?? 0) + 1)
  }

  /** Failed log-ins that named this user. */
  failuresOf(user: Mailbox): number {
    return this.#failed.get(user) ?? 0
  }

  /** While it is, right passwords are refused too. */
  isLocked(user: Mailbox): boolean {
    return (this.#inARow.get(user) ?? 0) >= (this.lockAfter ?? Number.POSITIVE_INFINITY)
  }

  unlock(user: Mailbox): void {
    this.#inARow.delete(user)
  }
}
