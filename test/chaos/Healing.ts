import { Effect } from "effect"
import { EXCUSES, type Outcome, outcomesOf } from "./Accounting.ts"
import { askedByThen, openApps } from "./Apps.ts"
import { outboxIn } from "./Database.ts"
import type { Facts } from "./Facts.ts"
import { CALLBACK_DEADLINE, type World } from "./World.ts"

/** Minutes of the shortened clock, after everybody was asked, in which everything has to be well again. */
const PATIENCE = 30
/** And so many seconds for what no clock shortens: gateways that are asked again, registrations. */
const PATIENCE_SECONDS = 60
/** So long nothing more may happen before the books are closed (ms). */
const QUIET = 3000

export const factsNow = ({ database, journal }: World): Facts =>
  journal.facts(outboxIn(database), CALLBACK_DEADLINE)

/** Waits until no mail is on its way any more, or patience is at its end. Answers the seconds it took. */
export const healed = (world: World): Effect.Effect<number> =>
  Effect.gen(function* () {
    const began = performance.now()
    const patience = world.minutes(askedByThen(world.options) + PATIENCE) + PATIENCE_SECONDS * 1000
    const waited = () => performance.now() - began
    let opened = false
    let open = openOutcomes(factsNow(world))
    while (open.length > 0 && waited() < patience) {
      yield* Effect.sleep(500)
      open = openOutcomes(factsNow(world))
      if (!opened && waited() > world.minutes(askedByThen(world.options))) {
        opened = true
        yield* openApps(world)
      }
    }
    const seconds = waited() / 1000
    yield* Effect.sleep(QUIET)
    return seconds
  })

/** What may still change for the better. */
export const openOutcomes = (facts: Facts): ReadonlyArray<Outcome> =>
  outcomesOf(facts).filter(
    ({ fate, reason }) =>
      fate === "in the outbox" || (fate === "lost" && reason !== undefined && !EXCUSES.has(reason))
  )
