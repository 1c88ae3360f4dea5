import { EXCUSES, type Fate, type Outcome, outcomesOf, type Reason } from "./Accounting.ts"
import { allowedDuplicates, type Duplicate, duplicatesOf, isBroken } from "./Duplicates.ts"
import type { Facts } from "./Facts.ts"

/** What a run says about the promise. */
export interface Verdict {
  readonly fates: Readonly<Record<Fate, number>>
  /** Lost ones by their reason. */
  readonly lost: ReadonlyMap<Reason, number>
  readonly outcomes: ReadonlyArray<Outcome>
  readonly duplicates: ReadonlyArray<Duplicate>
  /** By the kind of interruption. */
  readonly allowedDuplicates: ReadonlyMap<string, number>
  /** What must not be: lost without an excuse, duplicates without one or with another collapse id. */
  readonly broken: { readonly lost: ReadonlyArray<Outcome>; readonly duplicates: ReadonlyArray<Duplicate> }
}

export const judge = (facts: Facts): Verdict => {
  const outcomes = outcomesOf(facts)
  const duplicates = duplicatesOf(facts)
  const fates = { notified: 0, "without details": 0, "in a summary": 0, "in the outbox": 0, lost: 0 }
  const lost = new Map<Reason, number>()
  for (const { fate, reason } of outcomes) {
    fates[fate] += 1
    if (reason !== undefined) lost.set(reason, (lost.get(reason) ?? 0) + 1)
  }
  return {
    fates,
    lost,
    outcomes,
    duplicates,
    allowedDuplicates: allowedDuplicates(facts),
    broken: {
      lost: outcomes.filter(({ reason }) => reason !== undefined && !EXCUSES.has(reason)),
      duplicates: duplicates.filter(isBroken)
    }
  }
}
