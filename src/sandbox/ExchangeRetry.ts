/**
 * How Exchange's documentation can be read on retries of a failed callback ("30 seconds, then each interval doubles, until
 * StatusFrequency is exceeded"; statusfrequency.md, whose text and table disagree):
 * - `strict`: intervals double, and no retry comes later than StatusFrequency after the first failure;
 * - `clock`: the doubling numbers are times since the first failure;
 * - `lenient`: intervals double until an *interval* would exceed StatusFrequency.
 * With StatusFrequency 15 a subscription is dropped 7:30, 8:00 or 15:30 after the first failure.
 */
export type RetryReading = "strict" | "clock" | "lenient"

/** When a failed callback is tried again, in minutes after its first failure. If the last one fails, the subscription is dropped. */
export const retryTimes = (reading: RetryReading, statusFrequency: number): ReadonlyArray<number> => {
  const times: Array<number> = []
  let elapsed = 0
  for (let step = 0.5; step <= statusFrequency; step *= 2) {
    elapsed = reading === "clock" ? step : elapsed + step
    if (reading === "strict" && elapsed > statusFrequency) break
    times.push(elapsed)
  }
  return times
}
