/** Where values stand along one side of a chart, and which are written there. */
export interface Axis {
  readonly ticks: ReadonlyArray<number>
  /** In the chart's units, to a tenth. */
  readonly place: (value: number) => number
}

/** From where to where an axis goes. */
type Way = readonly [from: number, to: number]

/** From the power of ten below the smallest value to the one above the largest; every power is a tick. Values are above 0. */
export const logAxis = (values: ReadonlyArray<number>, way: Way): Axis => {
  const least = Math.floor(Math.log10(Math.min(...values)) + 1e-9)
  const most = Math.max(Math.ceil(Math.log10(Math.max(...values)) - 1e-9), least + 1)
  return {
    ticks: Array.from({ length: most - least + 1 }, (_, at) => 10 ** (least + at)),
    place: (value) => between(way, (Math.log10(value) - least) / (most - least))
  }
}

/** From 0 to a round number at or above the largest value, in four to eight steps of 1, 2 or 5 times a power of ten. */
export const linearAxis = (values: ReadonlyArray<number>, way: Way): Axis => {
  const largest = Math.max(...values) || 1
  const power = 10 ** Math.floor(Math.log10(largest))
  const step = [0.1, 0.2, 0.5, 1, 2].map((part) => part * power).find((size) => largest / size <= 8) ?? power
  const steps = Math.ceil(largest / step - 1e-9)
  return {
    ticks: Array.from({ length: steps + 1 }, (_, at) => Number((at * step).toPrecision(12))),
    place: (value) => between(way, value / (steps * step))
  }
}

const between = ([from, to]: Way, share: number): number => Math.round((from + (to - from) * share) * 10) / 10
