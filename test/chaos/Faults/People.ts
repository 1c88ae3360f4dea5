import { Effect } from "effect"
import type { Fault } from "../Fault.ts"

/** How many people something happens to: one in so many. */
const ONE_IN = 50

/** Passwords change; the phones know them a while later, if ever somebody asks them. */
export const passwordChange: Fault = {
  name: "passwords change",
  run: ({ minutes, people }, random) =>
    Effect.forEach(
      random
        .shuffled(people.filter(({ usesTokens }) => !usesTokens))
        .slice(0, Math.ceil(people.length / ONE_IN)),
      ({ changePassword }) => changePassword(minutes(random.between(0, 3))),
      { concurrency: "unbounded", discard: true }
    )
}

/** Apps register with a token that is about to expire. */
export const tokenExpiry: Fault = {
  name: "tokens expire",
  run: ({ people }, random) =>
    Effect.forEach(
      random
        .shuffled(people.filter(({ usesTokens }) => usesTokens))
        .slice(0, Math.ceil(people.length / ONE_IN)),
      ({ expireSoon }) => expireSoon(random.between(2, 5)),
      { concurrency: "unbounded", discard: true }
    )
}
