import { Array, Effect, Metric, type MetricLabel, type MetricPair, MetricState, Option, Order } from "effect"

/** Media type of the text below. */
export const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

/**
 * All metrics in Prometheus's text format (prometheus.io, "Exposition formats"), but for those that Effect keeps of its
 * fibers: most of our work turns them off, and what they say of the rest misleads.
 */
export const scrape: Effect.Effect<string> = Effect.map(Metric.snapshot, (pairs) =>
  render(pairs.filter(({ metricKey }) => !metricKey.name.startsWith("effect_")))
)

export const render = (pairs: ReadonlyArray<MetricPair.MetricPair.Untyped>): string =>
  Object.entries(Array.groupBy(pairs, nameOf))
    .sort(([a], [b]) => Order.string(a, b))
    .flatMap(([name, family]) => [...head(name, family[0]), ...family.flatMap((pair) => samples(name, pair))])
    .map((line) => `${line}\n`)
    .join("")

const nameOf = (pair: MetricPair.MetricPair.Untyped) =>
  pair.metricKey.name.replace(/[^a-zA-Z0-9_:]/g, "_").replace(/^(?=\d)/, "_")

const head = (name: string, { metricKey, metricState }: MetricPair.MetricPair.Untyped) => {
  const help = Option.getOrElse(metricKey.description, () => "")
  return [
    ...(help === "" ? [] : [`# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`]),
    `# TYPE ${name} ${typeOf(metricState)}`
  ]
}

const typeOf = (state: MetricState.MetricState.Untyped) => {
  if (MetricState.isCounterState(state) || MetricState.isFrequencyState(state)) return "counter"
  if (MetricState.isHistogramState(state)) return "histogram"
  return MetricState.isSummaryState(state) ? "summary" : "gauge"
}

const samples = (name: string, { metricKey, metricState: state }: MetricPair.MetricPair.Untyped) => {
  const line = (suffix: string, value: number | bigint, ...more: ReadonlyArray<readonly [string, string]>) =>
    `${name}${suffix}${labels(metricKey.tags, more)} ${numeral(value)}`
  if (MetricState.isCounterState(state)) return [line("", state.count)]
  if (MetricState.isGaugeState(state)) return [line("", state.value)]
  if (MetricState.isFrequencyState(state)) {
    return [...state.occurrences].map(([value, count]) => line("", count, ["value", value]))
  }
  const total = (state: { readonly sum: number; readonly count: number }) => [
    line("_sum", state.sum),
    line("_count", state.count)
  ]
  if (MetricState.isHistogramState(state)) {
    const finite = state.buckets.filter(([boundary]) => Number.isFinite(boundary))
    return [
      ...finite.map(([boundary, count]) => line("_bucket", count, ["le", numeral(boundary)])),
      line("_bucket", state.count, ["le", "+Inf"]),
      ...total(state)
    ]
  }
  if (MetricState.isSummaryState(state)) {
    const known = state.quantiles.flatMap(([quantile, value]) =>
      Option.isSome(value) ? [line("", value.value, ["quantile", numeral(quantile)])] : []
    )
    return [...known, ...total(state)]
  }
  return []
}

const labels = (
  tags: ReadonlyArray<MetricLabel.MetricLabel>,
  more: ReadonlyArray<readonly [string, string]>
): string => {
  const pairs = [...tags.map(({ key, value }) => [key, value] as const), ...more]
  return pairs.length === 0
    ? ""
    : `{${pairs.map(([key, value]) => `${key.replace(/[^a-zA-Z0-9_]/g, "_")}="${escaped(value)}"`).join(",")}}`
}

const escaped = (value: string) =>
  value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")

const numeral = (value: number | bigint) =>
  value === Number.POSITIVE_INFINITY ? "+Inf" : value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value)
