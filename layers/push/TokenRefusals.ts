/** So many refusals of an app's tokens are ordinary; more of them in a row, or most of its answers, are a burst. */
export const REFUSALS_ORDINARY = 10

/** Milliseconds after which an answer counts no more: between one and two of these. */
export const REFUSALS_PERIOD = 60_000

/**
 * Tells a token that is dead from a service that refuses them all, because it is asked for the wrong environment, app or
 * project. Without the difference one slip in the settings would delete every device. The answers are counted for each
 * app, so that a healthy one does not hide another's burst; in a row over any time, because where mails are few a slip
 * would delete the devices all the same, only slowly. Once a burst has begun no token of the app is believed to be
 * dead until more are accepted than refused. Plain state; times are milliseconds.
 */
export class TokenRefusals {
  readonly #apps = new Map<string, Tally>()

  /** A token was accepted. */
  accepted(app: string, now: number): void {
    // Most apps never have a refusal: nothing is kept for them until then, which errs on the careful side.
    const tally = this.#apps.get(app)
    if (tally === undefined) return
    turn(tally, now)
    tally.now.accepted++
    tally.inRow = 0
    if (accepted(tally) > refused(tally)) tally.burst = false
  }

  /** A token was refused: whether that may be believed of the token. */
  refused(app: string, now: number): boolean {
    const tally = this.#tally(app, now)
    turn(tally, now)
    tally.now.refused++
    tally.inRow++
    const most = refused(tally) > REFUSALS_ORDINARY && refused(tally) > accepted(tally)
    if (most || tally.inRow > REFUSALS_ORDINARY) tally.burst = true
    return !tally.burst
  }

  #tally(app: string, now: number): Tally {
    const known = this.#apps.get(app)
    if (known) return known
    // Devices name their apps, so the names are not few by themselves.
    for (const oldest of this.#apps.keys()) {
      if (this.#apps.size < APPS_MAX) break
      this.#apps.delete(oldest)
    }
    const tally = { since: now, now: NOTHING(), before: NOTHING(), inRow: 0, burst: false }
    this.#apps.set(app, tally)
    return tally
  }
}

const APPS_MAX = 1_000

interface Counts {
  accepted: number
  refused: number
}

interface Tally {
  since: number
  now: Counts
  before: Counts
  /** Refused since one was accepted. */
  inRow: number
  burst: boolean
}

const NOTHING = (): Counts => ({ accepted: 0, refused: 0 })
const accepted = (tally: Tally) => tally.now.accepted + tally.before.accepted
const refused = (tally: Tally) => tally.now.refused + tally.before.refused

const turn = (tally: Tally, now: number) => {
  const age = now - tally.since
  if (age < REFUSALS_PERIOD) return
  tally.before = age < 2 * REFUSALS_PERIOD ? tally.now : NOTHING()
  tally.now = NOTHING()
  tally.since = now
}
