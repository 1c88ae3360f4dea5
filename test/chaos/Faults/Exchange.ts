import { Effect } from "effect"
import type { Fault as ExchangeFault } from "../../../src/sandbox/Exchange.ts"
import type { Fault } from "../Fault.ts"
import type { Random } from "../Random.ts"

const scripted = (name: string, fault: (random: Random) => ExchangeFault, longest: number): Fault => ({
  name,
  survives: true,
  run: ({ exchange, minutes }, random) =>
    Effect.acquireUseRelease(
      exchange.addFault(fault(random)),
      () => Effect.sleep(minutes(random.between(1, longest))),
      () => exchange.clearFaults
    )
})

export const exchangeBusy = scripted(
  "Exchange answers 503",
  () => ({ kind: "status", status: 503, beforeLogIn: true }),
  5
)

export const exchangeSlow = scripted(
  "Exchange is slow",
  (random) => ({ kind: "slow", milliseconds: Math.round(random.between(500, 6000)) }),
  5
)

export const exchangeCuts = scripted("Exchange resets connections", () => ({ kind: "cut" }), 5)

/** No connection at all; callbacks go on. */
export const exchangeDown: Fault = {
  name: "EWS cannot be reached",
  survives: true,
  run: ({ exchange, minutes }, random) =>
    Effect.acquireUseRelease(
      exchange.down,
      () => Effect.sleep(minutes(random.between(1, 5))),
      () => Effect.eventually(Effect.tapError(exchange.up, () => Effect.sleep(100)))
    )
}

/** The mailbox servers are restarted: nobody is told that all subscriptions are gone. */
export const exchangeForgets: Fault = {
  name: "Exchange forgets all subscriptions",
  most: 1,
  ends: true,
  run: ({ exchange }) => exchange.restart
}
