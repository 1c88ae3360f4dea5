import { Effect, Metric, MetricBoundaries } from "effect"

/**
 * What became of a callback. The first four are the actor's answers; `late`: it did not answer in time; `unknown`: it
 * knows no such user; `withheld`: an `Unsubscribe` that the mass guard turned into 503; `limited`: forged, by a source that
 * has sent too many of them; `foreign source`: not of `ENS_CALLBACK_SOURCES`; `crowded`: too many with this URL wait already;
 * `gone`: the peer hung up first; `failed`: a bug.
 */
export const CALLBACK_OUTCOMES = [
  "ok",
  "unsubscribe",
  "retry",
  "unavailable",
  "late",
  "forged",
  "unknown",
  "withheld",
  "limited",
  "foreign source",
  "crowded",
  "unusable",
  "too large",
  "slow",
  "gone",
  "shed",
  "draining",
  "wrong method",
  "failed"
] as const
export type CallbackOutcome = (typeof CALLBACK_OUTCOMES)[number]

/** What an operator should hear of, at most one line a second for each kind. */
const NOTEWORTHY: Partial<Record<CallbackOutcome, string>> = {
  late: "callbacks were answered 503, because their actor did not answer within the callback deadline",
  forged: "callbacks with a URL that is not ours (or no longer) were answered Unsubscribe",
  unknown: "callbacks for users that do not exist were answered Unsubscribe",
  withheld: "unknown or forged callbacks were answered 503 in place of Unsubscribe",
  limited: "forged callbacks were answered 429, because too many come from their address (ENS_LIMIT_FAILED)",
  "foreign source":
    "callbacks came from an address that is not in ENS_CALLBACK_SOURCES and were answered 403",
  crowded: "callbacks were answered 503, because too many with the same URL wait for their answer",
  unusable: "callbacks had a body that is not a SendNotification and were answered 400",
  "too large": "callbacks were larger than 256 KiB and were answered 413",
  slow: "callbacks were cut off, because their body did not come in time",
  shed: "callbacks were answered 503, because ENS is overloaded or too many are being handled",
  failed: "callbacks were answered 503 because of a fault in ENS; please report it"
}

const total = Metric.counter("ens_callbacks_total", {
  description: "Callbacks of Exchange by what became of them",
  incremental: true
})
const held = Metric.gauge("ens_callbacks_held", {
  description: "Callbacks that wait for their actor's answer"
})
/** From a callback's last byte to its answer. Heartbeats are answered within a millisecond. */
export const callbackSeconds = Metric.histogram(
  "ens_callback_seconds",
  MetricBoundaries.fromIterable([0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15]),
  "Seconds from the end of a callback of Exchange to its answer."
)
/** 1 while unknown and forged callbacks are withheld by the mass guard. */
export const guardOn = Metric.gauge("ens_callback_guard_on", {
  description: "1 while unknown and forged callbacks are answered 503 in place of Unsubscribe"
})
/** How often the mass guard went on. */
export const guardAlarms = Metric.counter("ens_callback_guard_alarms_total", {
  description: "How often masses of unknown or forged callbacks were met",
  incremental: true
})
const totals = new Map(
  CALLBACK_OUTCOMES.map((outcome) => [outcome, Metric.tagged(total, "outcome", outcome.replaceAll(" ", "_"))])
)

/**
 * Counts callbacks with plain numbers, so that a callback runs no Effect for it. `publish`, called now and then, brings
 * the numbers up to date in Effect's metrics and logs what is noteworthy, bounded however much there is.
 */
export class CallbackCounts {
  readonly #counts = zero()
  readonly #published = zero()
  readonly #examples: Partial<Record<CallbackOutcome, string>> = {}

  /** `detail`: what helps to find one of them, such as its activity id; never a part of the URL or the body. */
  count(outcome: CallbackOutcome, detail?: string): void {
    this.#counts[outcome]++
    if (detail !== undefined) this.#examples[outcome] = detail
  }

  /** How many so far. */
  of(outcome: CallbackOutcome): number {
    return this.#counts[outcome]
  }

  /** To be called by one fiber only. */
  publish(heldNow: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      const changed = CALLBACK_OUTCOMES.filter((outcome) => this.#counts[outcome] > this.#published[outcome])
      return Metric.set(held, heldNow).pipe(
        Effect.zipRight(Effect.forEach(changed, (outcome) => this.#publish(outcome), { discard: true }))
      )
    })
  }

  #publish(outcome: CallbackOutcome): Effect.Effect<void> {
    const more = this.#counts[outcome] - this.#published[outcome]
    this.#published[outcome] += more
    const counted = Metric.incrementBy(totals.get(outcome)!, more)
    const text = NOTEWORTHY[outcome]
    if (text === undefined) return counted
    const log = outcome === "failed" ? Effect.logError : Effect.logWarning
    return Effect.zipRight(
      counted,
      log(`${more} ${text}`).pipe(Effect.annotateLogs({ last: this.#examples[outcome] ?? "" }))
    )
  }
}

const zero = (): Record<CallbackOutcome, number> =>
  Object.fromEntries(CALLBACK_OUTCOMES.map((outcome) => [outcome, 0])) as Record<CallbackOutcome, number>
