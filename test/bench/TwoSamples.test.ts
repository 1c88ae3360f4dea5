import { expect, it } from "@effect/vitest"
import { compare, mannWhitney, welch } from "../../bench/peers/TwoSamples.ts"

it("Welch's t and Mann and Whitney's U are those of a worked example", () => {
  const first = [27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4]
  const second = [27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 30.5, 24.5]
  expect(welch(first, second)).toBeCloseTo(2.8586, 4)
  expect(compare(first, second)).toMatchObject({ t: welch(first, second) })
  expect(compare(first, second).p).toBeCloseTo(0.004256, 5)
  // All of the second above all of the first: U = 9, its normal score (9 - 4.5) / sqrt(5.25).
  expect(mannWhitney([1, 2, 3], [4, 5, 6])).toBeCloseTo(1.964, 3)
  expect(mannWhitney([1, 1, 2], [1, 1, 2])).toBe(0)
})

it("samples of one distribution are alike, and a shift of a fifth of the spread shows with 2,000 each", () => {
  let state = 7
  const random = () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
  const sample = (shift: number) =>
    Array.from({ length: 2_000 }, () => shift + random() + random() + random() + random())
  const [first, again, slower] = [sample(0), sample(0), sample(0.12)]
  for (const score of [compare(first, again).t, compare(first, again).croppedT, compare(first, again).z])
    expect(Math.abs(score)).toBeLessThan(4.5)
  for (const score of [compare(first, slower).t, compare(first, slower).z]) expect(score).toBeGreaterThan(4.5)
})
