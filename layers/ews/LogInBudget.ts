/**
 * Rejected log-ins that are left, over all schemes, hosts and candidates of one registration (2) or of one callback (1):
 * directories lock accounts after a few (contract section 3, "Credentials that stop working").
 */
export class LogInBudget {
  #left: number
  /** A person has given the credentials just now. */
  readonly attended: boolean

  constructor(rejections: number, attended = false) {
    this.#left = rejections
    this.attended = attended
  }

  /** Whether credentials may be sent once more. */
  get allows(): boolean {
    return this.#left > 0
  }

  /** Credentials were sent and answered with a definite 401. */
  spend(): void {
    this.#left -= 1
  }

  /** The 401 that was spent for is none of these credentials'. */
  giveBack(): void {
    this.#left += 1
  }
}

/** For a device's registration. */
export const registrationBudget = (): LogInBudget => new LogInBudget(2, true)

/** For a callback, or what a callback caused. */
export const callbackBudget = (): LogInBudget => new LogInBudget(1)
