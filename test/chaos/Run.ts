import { Effect, Fiber } from "effect"
import { factsNow, healed } from "./Healing.ts"
import { mailLoad } from "./MailLoad.ts"
import type { ChaosOptions } from "./Options.ts"
import { registerAll } from "./Population.ts"
import type { Report } from "./Report.ts"
import { play, stepsOf } from "./Timeline.ts"
import { judge } from "./Verdict.ts"
import { makeWorld } from "./World.ts"

/** More steps than fit into any time. */
const STEPS_A_MINUTE = 60

/** A whole run: people register, mails arrive, things go wrong, everything heals, the books are closed. */
export const runChaos = (options: ChaosOptions, told: (line: string) => void) =>
  Effect.gen(function* () {
    const world = yield* makeWorld(options, told)
    const { journal, people, random, victim } = world
    const steps = stepsOf(options.seed, options.steps ?? Math.ceil(options.minutes * STEPS_A_MINUTE))
    yield* victim.start
    yield* registerAll(people)
    journal.tell(`${people.length} people have registered ${journal.devices.length} phones`)
    const load = yield* Effect.fork(mailLoad(world, random.branch()))
    yield* play(world, steps, options.minutes * 60_000)
    yield* Effect.sleep(world.minutes(1))
    yield* Fiber.interrupt(load)
    journal.tell("nothing goes wrong any more")
    const healedAfter = yield* healed(world)
    journal.tell(`healed after ${healedAfter.toFixed(1)} s`)
    yield* victim.stop
    return { options, journal, healedAfter, log: world.log, verdict: judge(factsNow(world)) } satisfies Report
  }).pipe(Effect.scoped)
