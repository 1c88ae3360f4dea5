import { MetricLabel, type MetricPair, MetricState } from "effect"

type Pairs = ReadonlyArray<MetricPair.MetricPair.Untyped>

/** A label's value, and what its metrics add up to. */
export type Sums = ReadonlyMap<string, number>

/** Effect's metrics by name, so that they are looked through once. */
export class MetricSums {
  readonly #byName = new Map<string, Array<MetricPair.MetricPair.Untyped>>()

  constructor(pairs: Pairs) {
    for (const pair of pairs) {
      const { name } = pair.metricKey
      const family = this.#byName.get(name)
      if (family === undefined) this.#byName.set(name, [pair])
      else family.push(pair)
    }
  }

  /** What the counters or gauges of this name with all these labels add up to; 0 if there is none. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.#matching(name, labels).reduce((sum, pair) => sum + valueOf(pair), 0)
  }

  /** The same by the value of this label. */
  by(name: string, label: string, labels: Readonly<Record<string, string>> = {}): Sums {
    const sums = new Map<string, number>()
    for (const pair of this.#matching(name, labels)) {
      const value = labelOf(pair, label) ?? ""
      sums.set(value, (sums.get(value) ?? 0) + valueOf(pair))
    }
    return sums
  }

  /** How many values so far were at most each bound, over all histograms of this name. */
  buckets(name: string): ReadonlyArray<Bucket> {
    const total = new Map<number, number>()
    for (const { metricState } of this.#byName.get(name) ?? []) {
      if (!MetricState.isHistogramState(metricState)) continue
      for (const [bound, count] of metricState.buckets) total.set(bound, (total.get(bound) ?? 0) + count)
    }
    return [...total].sort(([a], [b]) => a - b).map(([bound, count]) => ({ bound, count }))
  }

  /** How many values the histograms of this name with all these labels have had. */
  histogramCount(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.#matching(name, labels).reduce(
      (sum, { metricState }) => sum + (MetricState.isHistogramState(metricState) ? metricState.count : 0),
      0
    )
  }

  #matching(name: string, labels: Readonly<Record<string, string>>) {
    const wanted = Object.entries(labels)
    return (this.#byName.get(name) ?? []).filter((pair) =>
      wanted.every(([label, value]) => labelOf(pair, label) === value)
    )
  }
}

export interface Bucket {
  readonly bound: number
  /** Rising. */
  readonly count: number
}

/**
 * What this share of the values was at most that came between two looks at a histogram, spread evenly within its bucket;
 * null if none came. What is beyond the last bound counts as that.
 */
export const quantileBetween = (
  before: ReadonlyArray<Bucket>,
  after: ReadonlyArray<Bucket>,
  share: number
): number | null => {
  const earlier = new Map(before.map(({ bound, count }) => [bound, count]))
  const grown = after.map(({ bound, count }) => ({ bound, count: count - (earlier.get(bound) ?? 0) }))
  const total = grown.at(-1)?.count ?? 0
  if (total <= 0) return null
  const wanted = share * total
  let [low, seen] = [0, 0]
  for (const { bound, count } of grown) {
    if (count >= wanted) {
      return Number.isFinite(bound)
        ? low + ((bound - low) * (wanted - seen)) / Math.max(count - seen, 1)
        : low
    }
    if (Number.isFinite(bound)) low = bound
    seen = count
  }
  return low
}

const labelOf = ({ metricKey }: MetricPair.MetricPair.Untyped, name: string): string | undefined => {
  for (const tag of metricKey.tags) if (MetricLabel.isMetricLabel(tag) && tag.key === name) return tag.value
  return undefined
}

const valueOf = ({ metricState: state }: MetricPair.MetricPair.Untyped): number => {
  if (MetricState.isCounterState(state)) return Number(state.count)
  if (MetricState.isGaugeState(state)) return Number(state.value)
  return 0
}
