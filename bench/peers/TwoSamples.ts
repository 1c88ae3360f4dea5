/** What tells two samples apart, if anything does. */
export interface Comparison {
  /** Difference of the means: second minus first, in the samples' unit. */
  readonly difference: number
  /** Welch's t; beyond ±4.5 a difference counts as found (the threshold of TVLA, ISO/IEC 17825). */
  readonly t: number
  readonly p: number
  /** The same of the fastest nine tenths of both together: pauses of the machine drown small differences. */
  readonly croppedT: number
  /** Normal score of Mann and Whitney's U: whether one tends to be larger, whatever the distribution. */
  readonly z: number
}

export const compare = (first: ReadonlyArray<number>, second: ReadonlyArray<number>): Comparison => {
  const limit = [...first, ...second].sort((a, b) => a - b)[Math.floor((first.length + second.length) * 0.9)]!
  const fast = (sample: ReadonlyArray<number>) => sample.filter((value) => value <= limit)
  const t = welch(first, second)
  return {
    difference: mean(second) - mean(first),
    t,
    p: twoSided(t),
    croppedT: welch(fast(first), fast(second)),
    z: mannWhitney(first, second)
  }
}

export const mean = (sample: ReadonlyArray<number>): number =>
  sample.reduce((sum, value) => sum + value, 0) / sample.length

/** Welch's t of the second sample against the first. */
export const welch = (first: ReadonlyArray<number>, second: ReadonlyArray<number>): number =>
  (mean(second) - mean(first)) / Math.sqrt(variance(first) / first.length + variance(second) / second.length)

const variance = (sample: ReadonlyArray<number>): number => {
  const middle = mean(sample)
  return sample.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (sample.length - 1)
}

/** Equal values share their ranks; their effect on the variance is left out, times in nanoseconds hardly have any. */
export const mannWhitney = (first: ReadonlyArray<number>, second: ReadonlyArray<number>): number => {
  const all = [
    ...first.map((value) => ({ value, isSecond: false })),
    ...second.map((value) => ({ value, isSecond: true }))
  ].sort((a, b) => a.value - b.value)
  let ranks = 0
  for (let from = 0; from < all.length; ) {
    let to = from
    while (to < all.length && all[to]!.value === all[from]!.value) to++
    const rank = (from + 1 + to) / 2
    for (let at = from; at < to; at++) ranks += all[at]!.isSecond ? rank : 0
    from = to
  }
  const [n, m] = [first.length, second.length]
  const u = ranks - (m * (m + 1)) / 2
  return (u - (n * m) / 2) / Math.sqrt((n * m * (n + m + 1)) / 12)
}

/** Of a normal score, which t is with so many degrees of freedom (Abramowitz and Stegun 7.1.26, error below 2e-7). */
const twoSided = (score: number): number => {
  const x = Math.abs(score) / Math.SQRT2
  const t = 1 / (1 + 0.3275911 * x)
  const terms = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592]
  return terms.reduce((sum, term) => (sum + term) * t, 0) * Math.exp(-x * x)
}
