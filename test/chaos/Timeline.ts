import { Effect } from "effect"
import { askedByThen, cutOff, openApps } from "./Apps.ts"
import type { Fault } from "./Fault.ts"
import { restoreBackup, takeBackup } from "./Faults/Backup.ts"
import { clockStep } from "./Faults/Clock.ts"
import { exchangeBusy, exchangeCuts, exchangeDown, exchangeForgets, exchangeSlow } from "./Faults/Exchange.ts"
import { freeze } from "./Faults/Freeze.ts"
import { gatewayBusy, gatewayDown, gatewaysDown, longGatewaysDown } from "./Faults/Gateways.ts"
import { kill } from "./Faults/Kill.ts"
import { locked } from "./Faults/Locked.ts"
import { longDown } from "./Faults/LongDown.ts"
import { passwordChange, tokenExpiry } from "./Faults/People.ts"
import { restart } from "./Faults/Restart.ts"
import { slowDisk } from "./Faults/SlowDisk.ts"
import { wrongKey } from "./Faults/WrongKey.ts"
import { Random } from "./Random.ts"
import type { World } from "./World.ts"

export const FAULTS: ReadonlyArray<Fault> = [
  kill,
  restart,
  longDown,
  freeze,
  locked,
  slowDisk,
  exchangeBusy,
  exchangeSlow,
  exchangeCuts,
  exchangeDown,
  exchangeForgets,
  gatewayBusy,
  gatewayDown,
  gatewaysDown,
  longGatewaysDown,
  passwordChange,
  tokenExpiry,
  restoreBackup,
  wrongKey,
  clockStep
]

/** One fault of a run. */
export interface Step {
  readonly fault: Fault
  /** Minutes (Exchange's) of peace before it. */
  readonly gap: number
  /** For whatever the fault leaves to chance. */
  readonly seed: number
  /** Minutes after its beginning at which the service is killed besides. */
  readonly killAfter: number | undefined
}

const LONGEST_GAP = 3
const KILLED_BESIDES = 0.3

/** The faults of a seed, in their order: every kind once, then by weight. How long they take is up to the machine. */
export const stepsOf = (seed: number, count: number): ReadonlyArray<Step> => {
  const random = new Random(seed)
  const times = new Map<Fault, number>()
  const weighted = FAULTS.flatMap((fault) => Array.from({ length: fault.weight ?? 1 }, () => fault))
  // What ends subscriptions comes last: little can go wrong with those that are not there.
  const [ending, others] = [FAULTS.filter(({ ends }) => ends), FAULTS.filter(({ ends }) => !ends)]
  const queue = [...random.shuffled(others), ...random.shuffled(ending)]
  const next = (): Fault => {
    const fault = queue.shift() ?? random.pick(weighted)
    const used = times.get(fault) ?? 0
    if (used >= (fault.most ?? Number.POSITIVE_INFINITY)) return next()
    times.set(fault, used + 1)
    return fault
  }
  return Array.from({ length: count }, () => {
    const fault = next()
    const gap = random.between(0.2, LONGEST_GAP)
    const killed = fault.survives === true && random.happens(KILLED_BESIDES)
    const killAfter = random.between(0.2, 2)
    return { fault, gap, seed: random.below(2 ** 32), killAfter: killed ? killAfter : undefined }
  })
}

/** How many steps before a restore the backup is taken. */
const BACKUP_BEFORE = 2

/** Lets them happen one after another until the time is up; the last one comes to its end. */
export const play = (
  world: World,
  steps: ReadonlyArray<Step>,
  milliseconds: number
): Effect.Effect<void, { readonly message: string }> =>
  Effect.gen(function* () {
    const endsAt = performance.now() + milliseconds
    for (const [index, step] of steps.entries()) {
      yield* Effect.sleep(world.minutes(step.gap))
      if (performance.now() > endsAt) return
      const soon = steps.slice(index, index + BACKUP_BEFORE + 1)
      if (index === 0 || soon.at(-1)?.fault === restoreBackup) yield* takeBackup(world)
      yield* playStep(world, step)
      const isLast = steps[index + 1]?.fault.ends !== true
      if (step.fault.ends === true && isLast) yield* phonesReturned(world, endsAt)
    }
  })

/** Peace until the phones that obey have subscriptions again, or the time is up. */
const phonesReturned = (world: World, endsAt: number): Effect.Effect<void> =>
  Effect.gen(function* () {
    const began = performance.now()
    let opened = false
    while (performance.now() < endsAt && cutOff(world).length > 0) {
      yield* Effect.sleep(1000)
      if (opened || performance.now() - began < world.minutes(askedByThen(world.options))) continue
      opened = true
      yield* openApps(world)
    }
    world.journal.tell(`${cutOff(world).length} people are still cut off`)
  })

const playStep = (world: World, { fault, killAfter, seed }: Step) =>
  Effect.gen(function* () {
    const over = world.journal.fault(fault.name)
    const random = new Random(seed)
    const main = fault.run(world, random)
    const besides =
      killAfter === undefined
        ? Effect.void
        : Effect.gen(function* () {
            yield* Effect.sleep(world.minutes(killAfter))
            world.journal.tell("  and kill -9 besides")
            yield* kill.run(world, random.branch())
          })
    yield* Effect.all([main, besides], { concurrency: "unbounded" })
    over()
  })
